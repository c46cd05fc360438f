/**
 * Brings this device's list and the server's together: fetches a newer one, commits edits, shows the plaintext.
 * wire-spec §10, [R-10-3] to [R-10-6].
 *
 * One flow runs at a time, one part in the air at a time. What the server says (STATE, LIST_RESULT) is remembered, and
 * `#next` decides from that and the replica alone what to do; so a flow that is cut off at any point just starts again.
 */
import { concat } from '../base/bytes.js'
import type { Random } from '../base/random.js'
import type { Now } from '../base/time.js'
import type { Crypto } from '../crypto/crypto.js'
import type { DeviceFrame, ListPartFrame, ListResultFrame } from '../frame/frame.js'
import { ListAssembler, splitList } from '../frame/list-parts.js'
import { decodePersonList, encodePersonList, type PersonList } from '../frame/person-list.js'
import { LIST_SALT_BYTES, openList, sealList } from '../frame/sealed-list.js'
import {
  LIST_RETRY_FIRST_MS,
  LIST_RETRY_MAX_MS,
  LIST_VERSION_MAX,
  ListResultCode,
  StateFlag,
} from '../packet/constants.js'
import { DeviceError } from './device-error.js'
import type { KeyTransfer } from './key-transfer.js'
import { isSameList, ownList } from './list-edit.js'
import type { ListReplica, PendingEdit } from './list-replica.js'
import { nextListVersion } from './list-version.js'
import type { Outlet } from './outlet.js'
import type { ServerClock } from './server-clock.js'

/** Key of the flow's frame among those that wait. */
const FRAME = 'list'

type Flow =
  | { kind: 'fetch'; index: number }
  | {
      kind: 'commit'
      base: number
      version: number
      list: PersonList
      edits: readonly PendingEdit[]
      parts: Uint8Array[]
      index: number
      /** The LIST_RESULT did not come, and the last part went out again for it. */
      isLastRepeated: boolean
    }
  | { kind: 'visibility'; version: number; parts: Uint8Array[]; index: number }

export class ListFlow {
  readonly #crypto: Crypto
  readonly #random: Random
  readonly #replica: ListReplica
  readonly #clock: ServerClock
  readonly #transfer: KeyTransfer
  readonly #outlet: Outlet
  /** told of edits that the committed list holds */
  readonly #onSettled: (edits: readonly number[]) => void
  readonly #assembler = new ListAssembler()
  #flow: Flow | null = null
  /** The server's version, by the last STATE or LIST_RESULT; null before the first in this session. */
  #serverVersion: number | null = null
  /** The server holds no visibility for this person. */
  #isVisibilityWanted = false
  /** Our key does not open the server's list: nothing goes on until another one comes. */
  #isKeyWrong = false
  /** A new list key is on its way to the store. */
  #isKeySaving = false
  /** Wait for a LIST_PART or LIST_RESULT after the PONG; it doubles. [R-10-3] */
  #waitMs = LIST_RETRY_FIRST_MS
  #retryAtMs = Infinity
  /** The last edit of which the host was told that no version is left for it; 0 none. */
  #spentEdit = 0

  constructor(
    crypto: Crypto,
    random: Random,
    replica: ListReplica,
    clock: ServerClock,
    transfer: KeyTransfer,
    outlet: Outlet,
    onSettled: (edits: readonly number[]) => void,
  ) {
    this.#onSettled = onSettled
    this.#crypto = crypto
    this.#random = random
    this.#replica = replica
    this.#clock = clock
    this.#transfer = transfer
    this.#outlet = outlet
  }

  /** Whether the server may have a newer list than ours, that we can hope to get: a ring waits for it. */
  get isBehind(): boolean {
    if (this.#serverVersion === null) return true
    return this.#serverVersion > this.#replica.version && this.#replica.listKey !== null && !this.#isKeyWrong
  }

  /** Whether this device cannot open the list that the server holds, or does not know yet. */
  get cannotCommit(): boolean {
    return this.#serverVersion !== null && this.#isStuck()
  }

  /** Another session: what the server said before counts no more. */
  startSession(): void {
    this.#serverVersion = null
    this.#stop()
  }

  /** Takes a STATE that is not older than the last. [R-10-5] */
  handleState(version: number, flags: number, now: Now): void {
    const isNew = version !== this.#serverVersion
    this.#serverVersion = version
    this.#isVisibilityWanted = (flags & StateFlag.noVisibility) !== 0
    if (isNew && this.#isOvertaken(version)) this.#stop()
    this.#next(now)
  }

  /** The person edited the list. */
  handleEdit(now: Now): void {
    this.#next(now)
  }

  /** The list key came from another device. */
  handleKey(listKey: Uint8Array, now: Now): void {
    this.#replica.takeKey(listKey)
    this.#isKeyWrong = false
    this.#outlet.emit({ kind: 'list-key-taken' })
    this.#next(now)
  }

  /** The person gives up the list that this device cannot open. @returns false if there is none. */
  startAnew(): boolean {
    if (this.#serverVersion === null || !this.#isStuck()) return false
    this.#transfer.stop()
    this.#isKeyWrong = false
    this.#replica.startAnew(this.#serverVersion, this.#random)
    this.#saveKey()
    return true
  }

  /** Our frame was answered by a PONG: sends the next part, or waits for what must follow the last. */
  handleConfirmed(key: string, now: Now): void {
    const flow = this.#flow
    if (key !== FRAME || flow === null) return
    if (flow.kind !== 'fetch' && flow.index < flow.parts.length - 1) {
      flow.index++
      this.#send()
    } else this.#retryLater(now)
  }

  /** Takes a LIST_PART. Byte strings are copied. */
  handlePart(frame: ListPartFrame, now: Now): void {
    if (this.#flow?.kind !== 'fetch' || frame.version <= this.#replica.version) return
    const sealed = this.#assembler.add(frame.version, frame.index, frame.count, frame.part)
    this.#outlet.unask(FRAME)
    this.#waitMs = LIST_RETRY_FIRST_MS
    if (sealed === null) {
      this.#flow.index = this.#assembler.nextIndex
      this.#send()
    } else this.#takeSealed(frame.version, sealed, now)
  }

  /** Takes a LIST_RESULT. One that does not fit the flow says at most that the server has another version. */
  handleResult(frame: ListResultFrame, now: Now): void {
    const flow = this.#flow
    if (frame.code === ListResultCode.committed && flow?.kind === 'commit' && frame.version === flow.version) {
      this.#handleCommitted(flow)
    } else if (frame.code === ListResultCode.applied && flow?.kind === 'visibility' && frame.version === flow.version) {
      this.#isVisibilityWanted = false
    } else if (frame.code === ListResultCode.conflict && flow !== null && flow.kind !== 'fetch') {
      if (isAnswerToEarlier(frame.version, flow)) return
      this.#serverVersion = frame.version
      // Nothing to fetch, and yet refused: the two ends do not agree. Try again, but not at once.
      if (frame.version <= this.#replica.version) {
        this.#flow = null
        this.#outlet.unask(FRAME)
        this.#retryLater(now)
        return
      }
    } else return
    this.#stop()
    this.#next(now)
  }

  /** Earliest monotonic ms at which `handleTimeout` has something to do; Infinity for never. */
  nextTimeout(): number {
    return this.#retryAtMs
  }

  /**
   * What should have followed the PONG did not come: asks for the same part again; sends the last part of a list again,
   * and if that does not help all its parts. They stay the same, so that whatever answer comes is about them. [R-10-3]
   */
  handleTimeout(now: Now): void {
    if (now.monotonicMs < this.#retryAtMs) return
    const flow = this.#flow
    if (flow?.kind === 'commit') {
      if (flow.isLastRepeated) flow.index = 0
      flow.isLastRepeated = !flow.isLastRepeated
    }
    if (flow?.kind === 'fetch' || flow?.kind === 'commit') {
      this.#send()
      return
    }
    const waitMs = this.#waitMs
    this.#stop()
    this.#waitMs = waitMs
    this.#next(now)
  }

  /** Decides what to do when nothing is under way. */
  #next(now: Now): void {
    const server = this.#serverVersion
    if (this.#flow !== null || server === null || this.#isKeySaving) return
    const replica = this.#replica
    if (server > replica.version) {
      if (replica.listKey === null || this.#isKeyWrong) this.#transfer.ask(now)
      else this.#fetch()
      return
    }
    const settled = replica.settle()
    if (settled.length > 0) this.#tellSettled(settled)
    const { pending } = replica
    if (pending.length === 0 && replica.version === server) {
      if (this.#isVisibilityWanted && server > 0) this.#showList()
      return
    }
    if (pending.length === 0 && replica.version === 0) return
    if (replica.listKey === null) {
      replica.makeKey(this.#random)
      this.#saveKey()
    } else this.#commit(server, now)
  }

  /** A list is sealed with a key only when that key is durable. */
  #saveKey(): void {
    this.#isKeySaving = true
    this.#outlet.save((later) => {
      this.#isKeySaving = false
      this.#next(later)
    })
  }

  #fetch(): void {
    this.#assembler.clear()
    this.#flow = { kind: 'fetch', index: 0 }
    this.#send()
  }

  /** Sends our list on top of the server's version: with the edits that wait, or as it is if the server's is older. */
  #commit(base: number, now: Now): void {
    const replica = this.#replica
    const edits = replica.pending
    const list = replica.current
    const isChanged = !isSameList(list, replica.committed)
    // An older server takes our version as it is, so that the person's other devices still agree with it. [R-10-6]
    const isNew = isChanged || replica.version <= base
    const serverMs = this.#clock.earliest(now.monotonicMs)
    const least = Math.max(base, replica.version)
    const version = isNew ? nextListVersion(least, serverMs, this.#random) : replica.version
    if (version > LIST_VERSION_MAX) {
      this.#tellSpent()
      return
    }
    const salt = this.#random.fill(new Uint8Array(LIST_SALT_BYTES))
    const sealed = sealList(this.#crypto, replica.listKey as Uint8Array, version, salt, encodePersonList(list))
    this.#flow = {
      kind: 'commit',
      base,
      version,
      list,
      edits,
      parts: splitList(sealed),
      index: 0,
      isLastRepeated: false,
    }
    this.#send()
  }

  /** The last version is taken, so no edit can be committed any more: told once for each. [R-10-1] */
  #tellSpent(): void {
    const edits = this.#replica.pending.map(({ number }) => number).filter((number) => number > this.#spentEdit)
    if (edits.length === 0) return
    this.#spentEdit = edits.at(-1) as number
    this.#outlet.emit({ kind: 'error', error: new DeviceError('PL_LIST_SPENT'), edits })
  }

  #showList(): void {
    const parts = splitList(encodePersonList(this.#replica.committed))
    this.#flow = { kind: 'visibility', version: this.#replica.version, parts, index: 0 }
    this.#send()
  }

  #send(): void {
    this.#retryAtMs = Infinity
    this.#outlet.unask(FRAME)
    this.#outlet.ask(FRAME, this.#frame(this.#flow as Flow))
  }

  #frame(flow: Flow): DeviceFrame {
    const { index } = flow
    if (flow.kind === 'fetch') return { kind: 'want-list', index }
    const part = flow.parts[index] as Uint8Array
    const count = flow.parts.length
    if (flow.kind === 'visibility') return { kind: 'visibility', version: flow.version, index, count, part }
    return { kind: 'list', base: flow.base, version: flow.version, index, count, part }
  }

  #takeSealed(version: number, sealed: Uint8Array, now: Now): void {
    this.#stop()
    const replica = this.#replica
    this.#serverVersion = Math.max(this.#serverVersion ?? 0, version)
    const plaintext = openList(this.#crypto, replica.listKey as Uint8Array, version, sealed)
    const list = plaintext === null ? null : decodePersonList(concat(plaintext))
    if (list === null) {
      this.#isKeyWrong = true
      replica.rejectKey()
      this.#outlet.save(null)
      this.#transfer.ask(now)
      return
    }
    replica.take(version, ownList(list))
    this.#outlet.save(null)
    this.#outlet.emit({ kind: 'list-changed', version, own: false, settled: [] })
    this.#next(now)
  }

  #handleCommitted(flow: Flow & { kind: 'commit' }): void {
    this.#serverVersion = flow.version
    this.#isVisibilityWanted = true
    this.#replica.commit(flow.version, flow.list, flow.edits)
    this.#outlet.save(null)
    const settled = flow.edits.map(({ number }) => number)
    this.#outlet.emit({ kind: 'list-changed', version: flow.version, own: true, settled })
    this.#onSettled(settled)
  }

  /** Edits that the server's list holds already, by another device or by a commit whose result was lost. */
  #tellSettled(settled: number[]): void {
    this.#outlet.save(null)
    this.#outlet.emit({ kind: 'list-changed', version: this.#replica.version, own: true, settled })
    this.#onSettled(settled)
  }

  /**
   * The server went on to another version: what is under way can only be refused. It may be the one that we commit, but
   * another device's list can have that number too: fetched, it shows which of our edits it holds. A server that was
   * restored has nothing newer any more to fetch.
   */
  #isOvertaken(version: number): boolean {
    if (this.#flow?.kind === 'visibility') return true
    if (this.#flow?.kind === 'fetch') return version <= this.#replica.version
    return this.#flow?.kind === 'commit' && version !== this.#flow.base
  }

  #isStuck(): boolean {
    return (
      (this.#serverVersion as number) > this.#replica.version && (this.#replica.listKey === null || this.#isKeyWrong)
    )
  }

  /** Waits for an answer, each time longer. */
  #retryLater(now: Now): void {
    this.#retryAtMs = now.monotonicMs + this.#waitMs
    this.#waitMs = Math.min(this.#waitMs * 2, LIST_RETRY_MAX_MS)
  }

  #stop(): void {
    this.#flow = null
    this.#retryAtMs = Infinity
    this.#waitMs = LIST_RETRY_FIRST_MS
    this.#outlet.unask(FRAME)
  }
}

/** Whether a conflict cannot be about this flow: the server holds just what it needs, and has not heard all of it. */
function isAnswerToEarlier(version: number, flow: Exclude<Flow, { kind: 'fetch' }>): boolean {
  if (flow.kind === 'visibility') return version === flow.version
  return version === flow.base && flow.index < flow.parts.length - 1
}
