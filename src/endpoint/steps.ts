import { equalBytes } from '../base/bytes.js'
import { KEY_BYTES } from '../crypto/crypto.js'
import { keyPair } from '../crypto/key-pair.js'
import { FAILED_OPENS_STEP } from '../packet/constants.js'
import type { DropReason } from '../packet/drop.js'
import type { Header } from '../packet/header.js'
import { keyedRoot, symmetricRoot } from '../packet/step-root.js'
import { Offset, SessionFlag } from '../session/record.js'
import { type PromisedStep, savedPromise } from '../session/saved.js'
import type { SessionView } from '../session/view.js'
import type { Core } from './core.js'
import { slotOf } from './device-handle.js'
import type { DeviceHandle } from './message.js'
import { SAME_STAMP } from './moves.js'
import type { Outgoing } from './outgoing.js'
import type { Sessions } from './sessions.js'

const SECOND_MS = 1000
/** Values of the record's step second but for 0, which says that no step was taken up. */
const STEP_SECONDS = 65_535

/**
 * Key steps: wire-spec §5.6. A step is *promised* from the moment its root is on its way to the store; it is answered
 * when it is durable, and taken when the device is heard under the new root. Until then the old root holds.
 */
export class Steps {
  readonly #core: Core
  readonly #outgoing: Outgoing
  readonly #sessions: Sessions
  /** Commits under way, by request. */
  readonly #commits = new Map<number, DeviceHandle>()
  /** The newest of them of each slot. */
  readonly #committing = new Map<number, number>()

  constructor(core: Core, outgoing: Outgoing, sessions: Sessions) {
    this.#core = core
    this.#outgoing = outgoing
    this.#sessions = sessions
  }

  /** A session came back from the store: what was promised then still is. */
  load(view: SessionView, saved: Uint8Array, nowMs: number): void {
    const promise = savedPromise(saved)
    if (promise !== null) this.#core.promised.set(view.slot, promise, nowMs)
  }

  /**
   * STEP came. The same one again is answered by the same STEPPED; another one takes its place, as the device has lost
   * what it knew of the first. [R-5.6-2] [R-5.6-3] [R-5.6-7]
   *
   * @param key the device's public key, 32 B, borrowed; null: a symmetric step.
   * @returns false if the key is of low order: the session must end with code 1. [R-5.6-8]
   */
  take(view: SessionView, key: Uint8Array | null, nowMs: number): boolean {
    const { counters, promised } = this.#core
    const { slot } = view
    if (this.#isPromised(view, key)) {
      if (!this.#committing.has(slot)) this.#answer(view)
      return true
    }
    const second = 1 + (Math.floor(nowMs / SECOND_MS) % STEP_SECONDS)
    if (second === view.stepSecond || this.#sessions.isReplacing(slot) || !this.#hasRoom(view, key, nowMs)) {
      counters.stepsRefused++
      return true
    }
    view.stepSecond = second
    const promise = key === null ? null : this.#promise(view, key)
    if (key !== null && promise === null) return false
    view.mark(SessionFlag.stepPromised, promise === null)
    if (promise === null) promised.drop(slot)
    else promised.set(slot, promise, nowMs)
    this.#commit(view)
    return true
  }

  /**
   * Opens a packet that the present root did not open: the first under the root that was promised, if one was. [R-5.6-4]
   *
   * @param reason why the present root did not.
   * @returns its frames' bytes, and the session has the new root, to be saved; or why it is dropped.
   */
  open(view: SessionView, header: Header, packet: Uint8Array, reason: DropReason): Uint8Array | DropReason {
    const { receiver, promised, counters } = this.#core
    const root = this.#committing.has(view.slot) ? null : this.#promisedRoot(view)
    if (root === null) return reason
    const opened = receiver.openNext(view, root, header, packet, reason)
    root.fill(0)
    if (typeof opened === 'string') return opened
    promised.drop(view.slot)
    counters.steps++
    return opened
  }

  /** Asks for a step with a key when too many packets failed to open and none is promised. [R-5.6-9] */
  want(view: SessionView): void {
    if (view.failedOpens < FAILED_OPENS_STEP) return
    const isPromised = view.has(SessionFlag.stepPromised) || this.#core.promised.of(view.slot) !== null
    if (!isPromised) this.#outgoing.toProven(view, [{ kind: 'want-step' }])
  }

  /** The store's reply; false if the request is not of these. */
  handleCommitted(request: number, ok: boolean): boolean {
    const device = this.#commits.get(request)
    if (device === undefined) return false
    this.#commits.delete(request)
    if (!ok) this.#core.counters.commitsFailed++
    const slot = slotOf(device)
    if (this.#committing.get(slot) !== request) return true // another step took its place
    this.#committing.delete(slot)
    if (!this.#sessions.find(device)) return true
    const { view, promised } = this.#core
    if (ok) this.#answer(view)
    else {
      promised.drop(view.slot)
      view.lower(SessionFlag.stepPromised)
    }
    return true
  }

  #isPromised(view: SessionView, key: Uint8Array | null): boolean {
    if (key === null) return view.has(SessionFlag.stepPromised)
    const promise = this.#core.promised.of(view.slot)
    return promise !== null && equalBytes(promise.deviceKey, key)
  }

  /** STEPPED mirrors the STEP. It goes to the proven address, as it says more than a PONG. */
  #answer(view: SessionView): void {
    const promise = this.#core.promised.of(view.slot)
    if (promise === null && !view.has(SessionFlag.stepPromised)) return
    this.#outgoing.toProven(view, [{ kind: 'stepped', key: promise?.serverKey ?? null }])
  }

  /** 32 B, to be wiped; null if no step is promised. */
  #promisedRoot(view: SessionView): Uint8Array | null {
    const promise = this.#core.promised.of(view.slot)
    if (promise !== null) return promise.root.slice()
    if (!view.has(SessionFlag.stepPromised)) return null
    const root = view.read(Offset.root, new Uint8Array(KEY_BYTES))
    const next = symmetricRoot(this.#core.crypto, root)
    root.fill(0)
    return next
  }

  /** Our key of this step lives for this call only. Null if the device's is of low order. */
  #promise(view: SessionView, key: Uint8Array): PromisedStep | null {
    const { crypto, random } = this.#core
    const own = keyPair(crypto, random.fill(new Uint8Array(KEY_BYTES)))
    const root = view.read(Offset.root, new Uint8Array(KEY_BYTES))
    const keys = { deviceKey: key.slice(), serverKey: own.publicKey }
    const next = keyedRoot(crypto, root, own.secretKey, key, keys)
    own.secretKey.fill(0)
    root.fill(0)
    return next === null ? null : { root: next, ...keys }
  }

  /** Makes room by the oldest promise if it must. */
  #hasRoom(view: SessionView, key: Uint8Array | null, nowMs: number): boolean {
    const { promised } = this.#core
    const { slot } = view
    if (key === null || promised.hasRoom(slot)) return true
    const oldest = promised.oldest(nowMs)
    if (oldest < 0 || this.#committing.has(oldest)) return false
    promised.drop(oldest)
    this.#sessions.save(view.at(oldest))
    view.at(slot)
    return true
  }

  #commit(view: SessionView): void {
    const { slot, rotation } = view
    const request = this.#core.nextRequest()
    const device = this.#sessions.handleOf(view)
    this.#commits.set(request, device)
    this.#committing.set(slot, request)
    const session = this.#sessions.saved(view)
    this.#core.out.request({ kind: 'commit-session', request, device, stampMs: SAME_STAMP, rotation, session })
  }
}
