/** Any number of devices without a socket: each with a record of 312 B in typed arrays, made when it first speaks. */
import { hex } from '../../src/base/bytes.js'
import type { Random } from '../../src/base/random.js'
import type { Crypto } from '../../src/crypto/crypto.js'
import type { DeviceFrame, ServerFrame } from '../../src/frame/frame.js'
import { decodeFrames, encodeFrames } from '../../src/frame/frame-codec.js'
import { oneByteValue, pingByte } from '../../src/frame/one-byte.js'
import { needsPadding } from '../../src/frame/padding.js'
import { CidCodec } from '../../src/packet/connection-id.js'
import { BOOT_BYTES, CID_BYTES, ONE_BYTE_VALUES, StateFlag } from '../../src/packet/constants.js'
import { emptyHeader, parseHeader } from '../../src/packet/header.js'
import type { SessionContext } from '../../src/session/context.js'
import { changeDeviceBoot, startKeys } from '../../src/session/keys.js'
import { Receiver } from '../../src/session/receiver.js'
import { Offset, SessionFlag } from '../../src/session/record.js'
import { confirmNumber, Sender } from '../../src/session/sender.js'
import { SessionSlab } from '../../src/session/slab.js'
import type { SessionView } from '../../src/session/view.js'
import { accountOf, firstDeviceOf, generatedBoot, Identities, type Identity } from './identity.js'
import { listOf } from './list.js'
import type { StoreFacts } from './store-writer.js'

/** Silence class that every device promises: 1800 s, so that nobody is lost while something else is measured. */
const SILENCE_CLASS = 14

/** Where a device stands. `fresh`: never spoke. `open`: spoke, its session is not settled. `ready`: only pings and pongs are due. */
export const Stage = { fresh: 0, open: 1, ready: 2, ended: 3 } as const

/** What the two ends told each other since the last start of either: STATE came; the visibility was applied, or need not be told. */
const Told = { nothing: 0, state: 1, all: 2 } as const

/** What a ring does on a device that gets it: `keep` acks it and no more. */
export type RingHabit = 'keep' | 'accept'

/** What a datagram from the server was to a device. */
export interface Taken {
  /** answers the last asking packet */
  isAnswer: boolean
  /** to be sent at once */
  reply: Uint8Array | null
  /** whether the reply asks, so that another answer is due */
  isReplyAsking: boolean
}

/** What all devices counted. */
export interface FleetCounts {
  /** rings shown to devices, each once for each device */
  ringsShown: number
  /** rings whose outcome a device was told */
  outcomesTold: number
  /** STATE frames taken */
  states: number
  /** devices that got the first STATE since the start of either end: the server told them its side anew */
  resyncs: number
  /** lists of visibility that the server applied */
  listsApplied: number
  /** challenges answered */
  challenges: number
  /** packets with another boot value of the server */
  restartsSeen: number
  closes: number
  /** datagrams that are of none of the devices that they could be of */
  strange: number
}

/** The devices of a generated store. Device numbers are slots. Same code as a real device's for keys, packets, frames. */
export class Fleet {
  readonly counts: FleetCounts = {
    ringsShown: 0,
    outcomesTold: 0,
    states: 0,
    resyncs: 0,
    listsApplied: 0,
    challenges: 0,
    restartsSeen: 0,
    closes: 0,
    strange: 0,
  }
  readonly devices: number
  ringHabit: RingHabit = 'keep'
  readonly #context: SessionContext
  readonly #facts: StoreFacts
  readonly #identities: Identities
  readonly #apps: readonly Uint8Array[]
  readonly #cids: CidCodec
  readonly #view: SessionView
  readonly #sender: Sender
  readonly #receiver: Receiver
  readonly #stages: Uint8Array
  /** number of the last asking packet */
  readonly #asked: Float64Array
  /** of `Told` */
  readonly #told: Uint8Array
  /** of each device, the rings that it shows (hex), and the id of the last NOTIFY of each */
  readonly #rings = new Map<number, Map<string, number>>()
  readonly #ping = new Uint8Array([pingByte('active', SILENCE_CLASS)])
  readonly #pingFrame: DeviceFrame = { kind: 'ping', state: 'active', silenceClass: SILENCE_CLASS }
  readonly #oldBoot = generatedBoot()
  readonly #cid = new Uint8Array(CID_BYTES)
  readonly #header = emptyHeader()
  readonly #taken: Taken = { isAnswer: false, reply: null, isReplyAsking: false }

  /** @param bootSeconds of all devices: Unix s, so that every load process is a later start of the same devices. */
  constructor(crypto: Crypto, random: Random, facts: StoreFacts, bootSeconds: number) {
    const boot = random.fill(new Uint8Array(BOOT_BYTES))
    new DataView(boot.buffer).setUint32(0, bootSeconds)
    this.devices = facts.devices
    this.#context = { crypto, random, boot }
    this.#facts = facts
    this.#identities = new Identities(crypto, facts.seed)
    this.#apps = facts.apps.map(({ id }) => new Uint8Array(Buffer.from(id, 'hex')))
    this.#cids = new CidCodec(new Uint8Array(Buffer.from(facts.cidKey, 'base64')))
    this.#view = new SessionSlab('device', facts.devices).view()
    this.#sender = new Sender(this.#context)
    this.#receiver = new Receiver(this.#context)
    this.#stages = new Uint8Array(facts.devices)
    this.#asked = new Float64Array(facts.devices).fill(-1)
    this.#told = new Uint8Array(facts.devices)
  }

  /** Where a device stands, of `Stage`. */
  stage(device: number): number {
    return this.#stages[device] as number
  }

  /** Secrets of a device; valid until the next call. */
  identity(device: number): Identity {
    return this.#identities.of(device)
  }

  /** All sessions are to be settled anew, as after a restart of the server. */
  unsettle(): void {
    for (let device = 0; device < this.devices; device++) {
      if (this.#stages[device] === Stage.ready) this.#stages[device] = Stage.open
      this.#told[device] = Told.nothing
    }
  }

  /**
   * A sealed ping. The first of a device brings its session and carries BOOT, as that of an app that was just started.
   *
   * @param ask   whether a pong is wanted.
   * @param again whether it repeats one that was not answered.
   */
  ping(device: number, ask: boolean, again = false): Uint8Array {
    if (this.#stages[device] === Stage.fresh) this.#load(device)
    return this.#seal(device, this.#ping, ask, again, false)
  }

  /** A sealed ping with a state of the person, which asks. @param silenceClass what it promises. */
  tell(device: number, state: 'active' | 'gone', silenceClass = SILENCE_CLASS): Uint8Array {
    return this.#seal(device, new Uint8Array([pingByte(state, silenceClass)]), true, false, false)
  }

  /** The session that a handshake made; its first packet. @param root 32 B. @param cid 5 B. @param token 12 B. */
  begin(device: number, root: Uint8Array, cid: Uint8Array, token: Uint8Array): Uint8Array {
    const view = this.#view.at(device)
    startKeys(view, this.#context, root)
    view.write(Offset.cid, cid)
    view.write(Offset.token, token)
    this.#stages[device] = Stage.open
    this.#told[device] = Told.nothing
    return this.#seal(device, this.#ping, true, false, false)
  }

  /**
   * A channel packet that may be for this device.
   *
   * @returns null if it is not, or came before; the object is used again.
   */
  take(device: number, datagram: Uint8Array): Taken | null {
    if (parseHeader(datagram, 's2d', this.#header) !== null) return null
    const view = this.#view.at(device)
    if (!view.inUse) return null
    const plaintext = this.#receiver.open(view, this.#header, datagram)
    if (typeof plaintext === 'string') return null
    const taken = this.#taken
    taken.reply = null
    taken.isReplyAsking = false
    taken.isAnswer = false
    if (this.#receiver.tookBoot) {
      this.counts.restartsSeen++
      this.#told[device] = Told.nothing
    }
    const residue = plaintext.length === 1 ? oneByteValue(plaintext[0] as number) : -1
    if (residue >= 0) taken.isAnswer = this.#pong(device, residue)
    else this.#takeFrames(device, decodeFrames(plaintext, 's2d') ?? [], taken)
    const isQuiet = this.#asked[device] === -1 && this.#told[device] === Told.all
    if (isQuiet && this.#stages[device] === Stage.open) this.#stages[device] = Stage.ready
    return taken
  }

  #takeFrames(device: number, frames: readonly ServerFrame[], taken: Taken): void {
    const replies: DeviceFrame[] = []
    let asks = false
    for (const frame of frames) {
      if (frame.kind === 'pong') taken.isAnswer = this.#pong(device, frame.residue)
      else if (frame.kind === 'challenge') {
        this.counts.challenges++
        replies.push({ kind: 'response', challenge: frame.challenge.slice() })
        asks = true
      } else if (frame.kind === 'close') {
        this.counts.closes++
        this.#stages[device] = Stage.ended
        return
      } else if (frame.kind === 'list-result') {
        this.counts.listsApplied++
        this.#told[device] = Told.all
      } else if (frame.kind === 'notify') {
        replies.push({ kind: 'ack', id: frame.id })
        if (!this.#show(device, hex(frame.ring), frame.id) || this.ringHabit === 'keep') continue
        replies.push({ kind: 'verdict', id: frame.id, what: 0, deviceClass: 1, reply: null })
        asks = true
      } else if (frame.kind === 'outcome') {
        replies.push({ kind: 'ack', id: frame.id })
        if (this.#rings.get(device)?.delete(hex(frame.ring)) === true) this.counts.outcomesTold++
      } else if (frame.kind === 'state') {
        replies.push({ kind: 'ack', id: frame.id })
        this.counts.states++
        if (this.#told[device] === Told.nothing) this.counts.resyncs++
        const list = this.#wantedList(device, frame.version, frame.flags)
        this.#told[device] = list === null ? Told.all : Told.state
        if (list === null) continue
        replies.push(list)
        asks = true
      } else if ('id' in frame) replies.push({ kind: 'ack', id: frame.id })
    }
    if (replies.length === 0) return
    const all = asks ? [this.#pingFrame, ...replies] : replies
    taken.reply = this.#seal(device, encodeFrames(all, 'd2s'), asks, false, needsPadding(all))
    taken.isReplyAsking = asks
    if (asks) taken.isAnswer = false
  }

  /** Verdicts on all rings that a device shows, in one asking packet; null if it shows none. */
  accept(device: number): Uint8Array | null {
    const shown = this.#rings.get(device)
    if (shown === undefined || shown.size === 0) return null
    const verdicts = [...shown.values()].map(
      (id) => ({ kind: 'verdict', id, what: 0, deviceClass: 1, reply: null }) as const,
    )
    const frames: DeviceFrame[] = [this.#pingFrame, ...verdicts]
    return this.#seal(device, encodeFrames(frames, 'd2s'), true, false, needsPadding(frames))
  }

  /** Devices that show a ring that has not ended. */
  ringing(): number[] {
    return [...this.#rings].filter(([, shown]) => shown.size > 0).map(([device]) => device)
  }

  /** @returns false for a repeat. */
  #show(device: number, ring: string, id: number): boolean {
    const shown = this.#rings.get(device) ?? new Map<string, number>()
    const before = shown.get(ring)
    if (before === id) return false
    this.#rings.set(device, shown.set(ring, id))
    if (before === undefined) this.counts.ringsShown++
    return true
  }

  /** The first device of a person tells the visibility, if the server holds none. */
  #wantedList(device: number, version: number, flags: number): DeviceFrame | null {
    if ((flags & StateFlag.noVisibility) === 0 || version !== this.#facts.listVersion) return null
    const account = accountOf(device)
    if (firstDeviceOf(account) !== device) return null
    return { kind: 'visibility', version, index: 0, count: 1, part: listOf(account, this.#apps) }
  }

  #pong(device: number, residue: number): boolean {
    const asked = this.#asked[device] as number
    if (asked < 0 || asked % ONE_BYTE_VALUES !== residue) return false
    confirmNumber(this.#view, asked)
    this.#asked[device] = -1
    return true
  }

  /** As a device loads it that was killed and starts anew: root and last boot values, its own new. [R-5.3-1] */
  #load(device: number): void {
    const view = this.#view.at(device)
    view.clearSession()
    view.raise(SessionFlag.inUse | SessionFlag.bootPending)
    view.write(Offset.root, this.#identities.of(device).root)
    view.write(Offset.serverBoot, this.#oldBoot)
    changeDeviceBoot(view, this.#context, this.#context.boot)
    this.#cids.write(this.#cid, 0, 0, device, 0)
    view.write(Offset.cid, this.#cid)
    this.#stages[device] = Stage.open
  }

  #seal(device: number, plaintext: Uint8Array, ask: boolean, retry: boolean, padded: boolean): Uint8Array {
    const view = this.#view.at(device)
    const datagram = this.#sender.seal(view, { plaintext, ask, retry, answers: false, padded })
    if (datagram === null) throw new Error(`the packet numbers of device ${device} are used up`)
    if (ask) this.#asked[device] = this.#sender.number
    return datagram
  }
}
