import type { Random } from '../base/random.js'
import type { Crypto } from '../crypto/crypto.js'
import { CidCodec } from '../packet/connection-id.js'
import { CID_BYTES } from '../packet/constants.js'
import { resetToken } from '../packet/reset.js'
import type { SessionContext } from '../session/context.js'
import { Receiver } from '../session/receiver.js'
import { Sender } from '../session/sender.js'
import type { SessionSlab } from '../session/slab.js'
import type { SessionView } from '../session/view.js'
import { type EndpointConfig, LOADING_LIMITS } from './config.js'
import { partsBelow } from './device-handle.js'
import { DueHeap } from './due-heap.js'
import { IntervalHints } from './interval-hints.js'
import { Loading } from './loading.js'
import { Counters } from './metrics.js'
import { Outbox } from './outbox.js'
import { PromisedSteps } from './promised-steps.js'
import { Watch } from './watch.js'

/** What all parts of an endpoint share. */
export class Core implements SessionContext {
  readonly crypto: Crypto
  readonly random: Random
  readonly config: EndpointConfig
  readonly boot: Uint8Array
  /** Records of all slots. */
  readonly slab: SessionSlab
  /** The one view that moves over them; a part that moves it tells its callers. */
  readonly view: SessionView
  readonly sender: Sender
  readonly receiver: Receiver
  readonly cids: CidCodec
  readonly out = new Outbox()
  readonly counters = new Counters()
  /** Times of sessions that prove an address or wait for an ACK. */
  readonly dueTimes = new DueHeap()
  /** Which sessions the store has and we have not. */
  readonly loading = new Loading(LOADING_LIMITS)
  /** Steps with keys that are promised. */
  readonly promised: PromisedSteps
  /** What devices learnt on their networks. wire-spec §9.5 */
  readonly hints = new IntervalHints()
  /** Tells an observer; null: nobody watches. */
  readonly observer: Watch | null
  /** Unix ms minus monotonic ms, as of the last call of a door. */
  wallAheadMs = 0
  #request = 0

  constructor(crypto: Crypto, random: Random, config: EndpointConfig, slab: SessionSlab) {
    this.crypto = crypto
    this.random = random
    this.config = config
    this.boot = config.boot
    this.slab = slab
    this.observer = config.observer === null ? null : new Watch(this, config.observer)
    this.out.watch = this.observer
    if (this.observer !== null) this.counters.dropped.onCount = (reason) => this.observer?.counted(reason)
    this.view = slab.view()
    this.sender = new Sender(this)
    this.receiver = new Receiver(this)
    this.cids = new CidCodec(config.cidKey)
    this.loading.expect(partsBelow(config.worker, config.slotsToLoad))
    this.promised = new PromisedSteps(config.stepsPromisedMax)
  }

  /** A number for a request to the store, never given before. */
  nextRequest(): number {
    return ++this.#request
  }

  /** Connection ID of a slot, 5 B. wire-spec §13 */
  cid(slot: number, rotation: number): Uint8Array {
    const cid = new Uint8Array(CID_BYTES)
    this.cids.write(cid, 0, this.config.worker, slot, rotation)
    return cid
  }

  /** Reset token of a connection ID, 12 B. wire-spec §13 */
  token(slot: number, rotation: number): Uint8Array {
    return resetToken(this.crypto, this.config.resetKey, this.config.worker, slot, rotation)
  }
}
