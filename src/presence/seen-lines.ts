import type { PresenceCause } from './state.js'

/** Lines kept for one person at most: as many as a list has entries. The oldest gives way. */
export const SEEN_LINES_MAX = 256

/** What one application saw last of one person, where that is not the person's own line. */
export interface SeenLine {
  /** index of the application */
  app: number
  /** rotation of the PUID it knows them by */
  rotation: number
  sinceMs: number
  count: number
  cause: PresenceCause
}

/**
 * The side map of what applications saw where it differs from the person's own line: the person hides from them, or
 * showed themselves after the own line began. So the answer to a question stays what the last event said, and a person
 * who hid reads like one who went out of contact at that moment. Memory is used for those persons only.
 */
export class SeenLines {
  readonly #lines = new Map<number, SeenLine[]>()

  /** Persons with lines. */
  get persons(): number {
    return this.#lines.size
  }

  /** The line of one application and PUID, or null. */
  get(person: number, app: number, rotation: number): SeenLine | null {
    const lines = this.#lines.get(person)
    return lines?.find((line) => line.app === app && line.rotation === rotation) ?? null
  }

  /** Keeps a line, in place of the last one of the same application and PUID. */
  keep(person: number, line: SeenLine): void {
    const kept = (this.#lines.get(person) ?? []).filter((old) => !isSame(old, line.app, line.rotation))
    kept.push(line)
    if (kept.length > SEEN_LINES_MAX) kept.shift()
    this.#lines.set(person, kept)
  }

  /** Forgets one line. */
  drop(person: number, app: number, rotation: number): void {
    this.#put(
      person,
      (this.#lines.get(person) ?? []).filter((line) => !isSame(line, app, rotation)),
    )
  }

  /** Forgets all lines of a person. */
  dropAll(person: number): void {
    this.#lines.delete(person)
  }

  /** Whether any line of the person is kept. */
  has(person: number): boolean {
    return this.#lines.has(person)
  }

  #put(person: number, lines: SeenLine[]): void {
    if (lines.length === 0) this.#lines.delete(person)
    else this.#lines.set(person, lines)
  }
}

function isSame(line: SeenLine, app: number, rotation: number): boolean {
  return line.app === app && line.rotation === rotation
}
