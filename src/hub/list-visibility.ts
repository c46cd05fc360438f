import type { Now } from '../base/time.js'
import type { VisibilityFrame } from '../frame/frame.js'
import { ListAssembler } from '../frame/list-parts.js'
import { decodePersonList } from '../frame/person-list.js'
import { LIST_PART_BYTES, ListResultCode } from '../packet/constants.js'
import { type ListContext, type Sender, sendListResult, TRANSFER_MS, Transfers } from './list-channel.js'
import type { StateFrames } from './state-frames.js'

/** Takes VISIBILITY parts of each device and applies the whole, if it is the committed version: wire-spec [R-10-4]. */
export class ListVisibility {
  readonly #context: ListContext
  readonly #states: StateFrames
  readonly #assemblies: Transfers<{ timer: number; assembler: ListAssembler }>
  #applied = 0

  constructor(context: ListContext, states: StateFrames) {
    this.#context = context
    this.#states = states
    this.#assemblies = new Transfers(context)
  }

  /** Lists applied, and on their way. */
  get numbers(): { applied: number; assemblies: number } {
    return { applied: this.#applied, assemblies: this.#assemblies.size }
  }

  /** A VISIBILITY part came; parts may come in any order. @returns whether a list was applied. */
  handlePart(sender: Sender, frame: VisibilityFrame, now: Now): boolean {
    const { row } = sender
    const { version, index, count, part } = frame
    if (part.length > LIST_PART_BYTES || index >= count) {
      this.#context.count('listPartsIgnored')
      return false
    }
    const assembly = this.#assemblies.get(row) ?? { timer: 0, assembler: new ListAssembler() }
    this.#assemblies.touch(row, assembly, now.monotonicMs + TRANSFER_MS)
    const whole = assembly.assembler.add(version, index, count, part)
    if (whole === null) return false
    this.#assemblies.drop(row)
    return this.#apply(sender, version, whole, now)
  }

  /** A device was removed. */
  forget(row: number): void {
    this.#assemblies.drop(row)
  }

  #apply(sender: Sender, version: number, plaintext: Uint8Array, now: Now): boolean {
    const { presence, outbox } = this.#context
    const current = presence.listVersion(sender.person)
    if (version !== current) {
      // Not the committed one: never applied. The device learns which one is.
      this.#context.count('visibilityStale')
      sendListResult(outbox, sender.device, current, ListResultCode.conflict)
      return false
    }
    const list = decodePersonList(plaintext)
    if (list === null) {
      this.#context.count('visibilityInvalid')
      return false
    }
    this.#applied++
    presence.applyList(sender.person, list, now)
    this.#states.handleApplied(sender.person, sender.row, now)
    sendListResult(outbox, sender.device, version, ListResultCode.applied)
    return true
  }
}
