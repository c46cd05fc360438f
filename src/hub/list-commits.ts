import { concat, equalBytes } from '../base/bytes.js'
import type { Now } from '../base/time.js'
import type { DeviceHandle } from '../endpoint/message.js'
import type { ListFrame } from '../frame/frame.js'
import { LIST_PART_BYTES, ListResultCode } from '../packet/constants.js'
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
  /** number of the request to the store, 0 none */
  request: number
  /** what it was answered, for a device that did not hear it; null before */
  result: { version: number; code: 0 | 1 } | null
}

/**
 * Whether a list may become the committed one: wire-spec [R-10-3]. Either it follows on the current version, or the
 * device is ahead of a server that was restored from an old copy.
 */
export function mayCommit(current: number, base: number, version: number): boolean {
  return version > current && (base === current || (base > current && version === base + 1))
}

/** Takes LIST parts, has the whole committed by compare-and-set, and answers: wire-spec [R-10-3]. */
export class ListCommits {
  readonly #context: ListContext
  readonly #states: StateFrames
  readonly #uploads: Transfers<Upload>
  readonly #requests = new Map<number, { person: number; upload: Upload }>()
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
    this.#uploads.touch(sender.person, upload, now.monotonicMs + TRANSFER_MS)
    const isLast = frame.index === frame.count - 1
    if (frame.index < upload.parts.length) {
      const { result } = upload
      if (isLast && result !== null) sendListResult(this.#context.outbox, sender.device, result.version, result.code)
      return
    }
    upload.parts.push(frame.part)
    if (isLast) this.#finish(sender, upload)
  }

  /** The store answered a put-list. @returns whether it was one of ours. */
  handleStored(request: number, ok: boolean, version: number, now: Now): boolean {
    const asked = this.#requests.get(request)
    if (asked === undefined) return false
    this.#requests.delete(request)
    const { person, upload } = asked
    const { presence, devices } = this.#context
    upload.request = 0
    if (!presence.hasPerson(person)) return true
    if (ok) {
      this.#committed++
      presence.setListVersion(person, upload.version)
      this.#answer(upload, upload.version, ListResultCode.committed)
      this.#states.handleCommitted(person, devices.rowOf(upload.device), now)
    } else if (version === 0 && presence.listVersion(person) > 0) {
      // The store failed; it did not refuse. Unanswered, the device sends the list again.
      if (this.#uploads.get(person) === upload) this.#uploads.drop(person)
    } else {
      if (version !== presence.listVersion(person)) presence.setListVersion(person, version)
      this.#answer(upload, version, ListResultCode.conflict)
    }
    return true
  }

  /** The person is gone. */
  forget(person: number): void {
    this.#uploads.drop(person)
  }

  /** The upload that a part belongs to, begun with part 0; or null. */
  #uploadOf(sender: Sender, frame: ListFrame): Upload | null {
    const { device, person } = sender
    const { base, version, count, index, part } = frame
    const held = this.#uploads.get(person)
    const isOfHeld = held !== null && held.device === device && held.version === version && held.base === base
    if (isOfHeld && held.count === count) {
      const before = held.parts[index]
      if (index === held.parts.length || (before !== undefined && equalBytes(before, part))) return held
    }
    // Another list, or another sealing of the same: only its first part begins it, and not while one is being stored.
    if (index !== 0 || (held !== null && held.request !== 0)) return null
    return { timer: 0, device, base, version, count, parts: [], request: 0, result: null }
  }

  #finish(sender: Sender, upload: Upload): void {
    const { presence, outbox } = this.#context
    const current = presence.listVersion(sender.person)
    if (!mayCommit(current, upload.base, upload.version)) {
      this.#answer(upload, current, ListResultCode.conflict)
      return
    }
    upload.request = outbox.nextRequest()
    this.#requests.set(upload.request, { person: sender.person, upload })
    const { base, version } = upload
    const sealed = concat(...upload.parts)
    // The store compares with the version it holds; for a device that is ahead, that is the current one.
    const storeBase = base > current ? current : base
    outbox.requests.push({
      kind: 'put-list',
      request: upload.request,
      person: sender.person,
      base: storeBase,
      version,
      sealed,
    })
  }

  #answer(upload: Upload, version: number, code: 0 | 1): void {
    if (code === ListResultCode.conflict) this.#conflicts++
    upload.result = { version, code }
    sendListResult(this.#context.outbox, upload.device, version, code)
  }
}
