import { concat, equalBytes } from '../base/bytes.js'
import type { Now } from '../base/time.js'
import type { DeviceHandle } from '../endpoint/message.js'
import type { ListFrame } from '../frame/frame.js'
import { LIST_JUMP_MAX, LIST_PART_BYTES, LIST_VERSIONS_PER_HOUR, ListResultCode } from '../packet/constants.js'
import { type ListContext, type Sender, sendListResult, TRANSFER_MS, Transfers } from './list-channel.js'
import type { StateFrames } from './state-frames.js'

/** A list on its way to the store. */
interface Upload {
  timer: number
  readonly device: DeviceHandle
  readonly base: number
  readonly version: number
  readonly count: number
  readonly parts: Uint8Array[]
  /** what it was answered, for a device that did not hear it; null before */
  result: { version: number; code: 0 | 1 } | null
}

/**
 * Whether a list may become the committed one: wire-spec [R-10-3]. It follows on the current version, or on one of which
 * a server knows no more that was restored from an old copy. It is never far ahead: so no device can use up the versions
 * of its person.
 */
export function mayCommit(current: number, base: number, version: number, { wallMs }: Now): boolean {
  const ofNow = Math.trunc(wallMs / 3_600_000) * LIST_VERSIONS_PER_HOUR
  return base >= current && version > base && version <= Math.max(current, ofNow) + LIST_JUMP_MAX
}

/**
 * Takes LIST parts, has the whole committed by compare-and-set, and answers: wire-spec [R-10-3]. One upload for each
 * device, so that of two that change the list at once both are answered.
 */
export class ListCommits {
  readonly #context: ListContext
  readonly #states: StateFrames
  readonly #uploads: Transfers<Upload>
  /** by number of the request: whose list it is, and the version that the store must hold */
  readonly #requests = new Map<number, { person: number; base: number; upload: Upload }>()
  #committed = 0
  #conflicts = 0

  constructor(context: ListContext, states: StateFrames) {
    this.#context = context
    this.#states = states
    this.#uploads = new Transfers(context)
  }

  /** Lists committed, refused, and on their way. */
  get numbers(): { committed: number; conflicts: number; uploads: number } {
    return { committed: this.#committed, conflicts: this.#conflicts, uploads: this.#uploads.size }
  }

  /** A LIST part came. Parts come in order; one that came before counts once, one out of order not at all. */
  handlePart(sender: Sender, frame: ListFrame, now: Now): void {
    if (frame.part.length > LIST_PART_BYTES) {
      this.#context.count('listPartsIgnored')
      return
    }
    const upload = this.#uploadOf(sender, frame)
    if (upload === null) {
      this.#context.count('listPartsIgnored')
      return
    }
    this.#uploads.touch(sender.row, upload, now.monotonicMs + TRANSFER_MS)
    const isLast = frame.index === frame.count - 1
    if (frame.index < upload.parts.length) {
      const { result } = upload
      if (isLast && result !== null) sendListResult(this.#context.outbox, sender.device, result.version, result.code)
      return
    }
    upload.parts.push(frame.part)
    if (isLast) this.#finish(sender, upload, now)
  }

  /** The store answered a put-list. @returns whose list was committed; -1 none. */
  handleStored(request: number, ok: boolean, version: number, now: Now): number {
    const asked = this.#requests.get(request)
    if (asked === undefined) return -1
    this.#requests.delete(request)
    const { person, base, upload } = asked
    const { presence, devices } = this.#context
    if (!presence.hasPerson(person)) return -1
    if (ok) {
      this.#committed++
      presence.setListVersion(person, upload.version)
      this.#answer(upload, upload.version, ListResultCode.committed)
      this.#states.handleCommitted(person, devices.rowOf(upload.device), now)
    } else if (version === base || version === 0) {
      // The store failed; it did not refuse. Unanswered, the device sends the list again.
      const row = devices.rowOf(upload.device)
      if (this.#uploads.get(row) === upload) this.#uploads.drop(row)
    } else {
      if (version !== presence.listVersion(person)) presence.setListVersion(person, version)
      this.#answer(upload, version, ListResultCode.conflict)
    }
    return ok ? person : -1
  }

  /** A device was removed. */
  forget(row: number): void {
    this.#uploads.drop(row)
  }

  /** The upload that a part belongs to, begun with part 0; or null. */
  #uploadOf(sender: Sender, frame: ListFrame): Upload | null {
    const { device, row } = sender
    const { base, version, count, index, part } = frame
    const held = this.#uploads.get(row)
    if (held !== null && held.version === version && held.base === base && held.count === count) {
      const before = held.parts[index]
      if (index === held.parts.length || (before !== undefined && equalBytes(before, part))) return held
    }
    // Another list, or another sealing of the same: only its first part begins it.
    return index === 0 ? { timer: 0, device, base, version, count, parts: [], result: null } : null
  }

  #finish(sender: Sender, upload: Upload, now: Now): void {
    const { presence, outbox, clock } = this.#context
    const current = presence.listVersion(sender.person)
    if (!mayCommit(current, upload.base, upload.version, now)) {
      this.#answer(upload, current, ListResultCode.conflict)
      return
    }
    const { base, version } = upload
    // The store compares with the version it holds; for a device that is ahead, that is the current one.
    const storeBase = Math.min(base, current)
    const request = outbox.nextRequest()
    this.#requests.set(request, { person: sender.person, base: storeBase, upload })
    const sealed = concat(...upload.parts)
    const clockSeconds = clock.keptSeconds(now)
    const { person } = sender
    outbox.requests.push({ kind: 'put-list', request, person, base: storeBase, version, sealed, clockSeconds })
  }

  /** A device that began another list meanwhile is not told: it would take the answer for that one's. */
  #answer(upload: Upload, version: number, code: 0 | 1): void {
    const { outbox, devices } = this.#context
    if (code === ListResultCode.conflict) this.#conflicts++
    upload.result = { version, code }
    const isLatest = this.#uploads.get(devices.rowOf(upload.device)) === upload
    if (isLatest) sendListResult(outbox, upload.device, version, code)
  }
}
