/** From this moment on the radio is in this state. */
export interface StateChange {
  atS: number
  state: string
}

/** Adds up how long a radio was in which state. Time never runs backwards: an earlier moment counts as the latest. */
export class StateLedger {
  readonly #secondsByState = new Map<string, number>()
  readonly #changes: StateChange[] = []
  #state: string
  #sinceS: number

  /** @param startS the first moment that counts. */
  constructor(state: string, startS: number) {
    this.#state = state
    this.#sinceS = startS
    this.#changes.push({ atS: startS, state })
  }

  get state(): string {
    return this.#state
  }

  /** The latest moment that was told, s. */
  get nowS(): number {
    return this.#sinceS
  }

  /** All changes so far, the first state included. */
  get changes(): readonly StateChange[] {
    return this.#changes
  }

  get secondsByState(): ReadonlyMap<string, number> {
    return this.#secondsByState
  }

  /** The state that was entered last went on until `atS`; from then on it is `state`. */
  enter(state: string, atS: number): void {
    const untilS = Math.max(atS, this.#sinceS)
    this.#secondsByState.set(this.#state, (this.#secondsByState.get(this.#state) ?? 0) + untilS - this.#sinceS)
    if (state !== this.#state) this.#changes.push({ atS: untilS, state })
    this.#state = state
    this.#sinceS = untilS
  }
}
