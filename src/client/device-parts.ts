import { hex, writeU32 } from '../base/bytes.js'
import { PilotlightError } from '../base/errors.js'
import type { Random } from '../base/random.js'
import { utf8Bytes } from '../base/text.js'
import type { Crypto } from '../crypto/crypto.js'
import type { ThresholdsFrame } from '../frame/frame.js'
import { BOOT_BYTES, DEVICE_CLASSES, type DeviceClass, SERVER_APP, SILENCE_MAX_S } from '../packet/constants.js'
import { bootSeconds } from '../session/keys.js'
import type { ChannelObserver } from '../session/observer.js'
import { Acks } from './acks.js'
import type { Asking } from './asking.js'
import { Contact } from './contact.js'
import { type Credentials, checkCredentials } from './credentials.js'
import { DeviceChannel } from './device-channel.js'
import type { DeviceState } from './device-state.js'
import { DeviceWatch } from './device-watch.js'
import { Grants } from './grants.js'
import { Handshake } from './handshake.js'
import { IntervalLearner } from './interval-learner.js'
import { Keepalive } from './keepalive.js'
import { KeyTransfer } from './key-transfer.js'
import { IntervalPolicy } from './learning/interval-policy.js'
import { ListFlow } from './list-flow.js'
import { ListReplica } from './list-replica.js'
import { Outgoing, SYNC, THRESHOLDS } from './outgoing.js'
import type { Outlet } from './outlet.js'
import { Puids } from './puids.js'
import { Ratchet, STEP_PERIODS, type StepPeriods } from './ratchet.js'
import { ResetWatch } from './reset-watch.js'
import { RingBook } from './ring-book.js'
import type { SeenRings } from './seen-rings.js'
import { ServerClock } from './server-clock.js'

/** What a device machine is made from. */
export interface DeviceOptions {
  credentials: Credentials
  /** as `pollSave` gave it last; null: none was ever stored */
  stored: Uint8Array | null
  crypto: Crypto
  random: Random
  /** seconds between pings at most, 1 to 1800; default: it is learnt. wire-spec §9.1 */
  keepaliveS?: number
  /** when key steps are due; default those of wire-spec §14 */
  steps?: StepPeriods
  /** as `keepaliveS`, while datagrams go by TCP; default the same, or learnt */
  tcpKeepaliveS?: number
  /**
   * Every how many pings one asks, 1 to 4; default 1. An answer falls into the tail of its ping, where it is nearly free,
   * and finds a dead mapping; more than 1 is for radios that are released at once, where it is not. `docs/energy.md`
   */
  asksEvery?: number
  /** what the senders of rings are told this device is; default 'other' */
  deviceClass?: DeviceClass
  /** whether `pollProbe` is served: there is a second socket; default false */
  canProbe?: boolean
  /** told of everything that the device does; default: nobody watches */
  observer?: ChannelObserver
}

/** Most pings of which one asks. */
const ASKS_EVERY_MAX = 4

/** Bytes of the digest that stands for a network. */
const DIGEST_BYTES = 8

/** All parts of a device. Each owns its fields, timers and frames; the machine routes between them. */
export class DeviceParts {
  readonly outlet: Outlet
  /** null: nobody watches */
  readonly watch: DeviceWatch | null
  /** boot value, 12 B; the session's context holds the same array. wire-spec §5.3 */
  readonly boot: Uint8Array
  readonly #random: Random
  readonly asking: Asking
  readonly channel: DeviceChannel
  readonly acks = new Acks()
  readonly reset = new ResetWatch()
  readonly clock = new ServerClock()
  readonly keepalive: Keepalive
  readonly learner: IntervalLearner
  readonly contact: Contact
  readonly outgoing: Outgoing
  readonly ratchet: Ratchet
  readonly handshake: Handshake
  readonly list: ListReplica
  readonly flow: ListFlow
  readonly transfer: KeyTransfer
  readonly rings: RingBook
  readonly seen: SeenRings
  readonly puids: Puids
  readonly grants: Grants
  #thresholds: ThresholdsFrame | null = null

  /**
   * @param state  as read from the store.
   * @param boot   12 B; its seconds are saved before anything is sent. wire-spec §5.3
   * @param asking where frames of all parts wait.
   */
  constructor(options: DeviceOptions, state: DeviceState, boot: Uint8Array, asking: Asking, outlet: Outlet) {
    const { credentials, crypto, random, keepaliveS, asksEvery = 1, canProbe = false, deviceClass = 'other' } = options
    const { tcpKeepaliveS = keepaliveS, steps = STEP_PERIODS } = options
    const { secretKey, publicKey, psk } = credentials
    const own = { secretKey, publicKey }
    this.outlet = outlet
    this.watch = options.observer === undefined ? null : new DeviceWatch(options.observer)
    this.boot = boot
    this.#random = random
    this.asking = asking
    this.channel = new DeviceChannel({ crypto, random, boot, observer: this.watch })
    const policy = new IntervalPolicy({
      digest: (identity) => hex(crypto.mac(secretKey, utf8Bytes(`pilotlight network ${identity}`), DIGEST_BYTES)),
      stored: state.learnt,
      canProbe,
    })
    // Its times are of the last call of a door: an interval does not depend on seconds.
    const learnt = (): number => policy.currentS
    this.keepalive = new Keepalive(random, { udp: keepaliveS ?? learnt, tcp: tcpKeepaliveS ?? learnt }, asksEvery)
    const { channel, keepalive } = this
    this.learner = new IntervalLearner(policy, keepaliveS === undefined, { channel, asking, keepalive, outlet })
    this.contact = new Contact(outlet)
    this.ratchet = new Ratchet(crypto, random, this.channel, outlet, steps)
    this.outgoing = new Outgoing(this.channel, asking, this.acks, this.keepalive, this.reset, this.ratchet)
    const serverKeys = state.serverKeys.length > 0 ? state.serverKeys : credentials.serverKeys
    this.handshake = new Handshake(crypto, random, own, psk, { stampMs: state.stampMs, serverKeys })
    this.list = new ListReplica(state.list)
    this.transfer = new KeyTransfer(crypto, random, own, outlet, state.keyRequest)
    this.grants = new Grants(this.list, outlet)
    const settled = (edits: readonly number[]) => this.grants.handleSettled(edits)
    this.flow = new ListFlow(crypto, random, this.list, this.clock, this.transfer, outlet, settled)
    const admitted = (app: string, rotation: number): boolean | 'unknown' => {
      if (app === SERVER_APP) return true // no matter of the list [R-12.2-6]
      return this.flow.isBehind ? 'unknown' : this.list.admitsRing(app, rotation)
    }
    this.seen = state.seen
    this.rings = new RingBook(outlet, this.clock, state.seen, admitted, DEVICE_CLASSES.indexOf(deviceClass))
    this.puids = new Puids(outlet)
  }

  /** The last network has seen the boot value, which would link it with the next. Save its seconds with the move. [R-5.3-7] */
  renewBoot(wallMs: number): void {
    this.boot.set(drawBoot(this.#random, bootSeconds(this.boot), wallMs))
  }

  /** Sets what THRESHOLDS says; null says nothing. */
  setThresholds(thresholds: ThresholdsFrame): void {
    this.#thresholds = thresholds
    this.putThresholds()
  }

  /** Asks for a STATE, with the server's clock and the person's list version; not twice. */
  askSync(): void {
    if (!this.asking.has(SYNC)) this.asking.put(SYNC, { kind: 'sync', version: this.list.version })
  }

  /** The server may not know the thresholds: they go out, if the host set any. */
  putThresholds(): void {
    if (this.#thresholds !== null) this.asking.put(THRESHOLDS, this.#thresholds)
  }
}

/** @throws DeviceError PL_BAD_CREDENTIALS; PilotlightError PL_BAD_OPTION. */
export function checkOptions({ credentials, keepaliveS = 1, tcpKeepaliveS = 1, asksEvery = 1 }: DeviceOptions): void {
  checkCredentials(credentials)
  for (const intervalS of [keepaliveS, tcpKeepaliveS]) {
    if (intervalS >= 1 && intervalS <= SILENCE_MAX_S) continue
    throw new PilotlightError('PL_BAD_OPTION', `keepaliveS must be 1 to ${SILENCE_MAX_S}`)
  }
  if (!(Number.isInteger(asksEvery) && asksEvery >= 1 && asksEvery <= ASKS_EVERY_MAX)) {
    throw new PilotlightError('PL_BAD_OPTION', `asksEvery must be 1 to ${ASKS_EVERY_MAX}`)
  }
}

/**
 * Draws a boot value. wire-spec §5.3
 *
 * @param storedSeconds seconds of the last one; 0 none.
 * @param wallMs        Unix ms.
 * @returns 12 B: `max(stored + 1, Unix seconds)` and 8 random bytes.
 */
export function drawBoot(random: Random, storedSeconds: number, wallMs: number): Uint8Array {
  const boot = random.fill(new Uint8Array(BOOT_BYTES))
  writeU32(boot, 0, Math.max(storedSeconds + 1, Math.trunc(wallMs / 1000)))
  return boot
}
