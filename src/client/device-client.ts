/** A device with promises and events, over any transport. */
import type { Now } from '../base/time.js'
import type { Crypto } from '../crypto/crypto.js'
import { nobleCrypto } from '../crypto/noble.js'
import type { PersonList } from '../frame/person-list.js'
import type { DeviceClass } from '../packet/constants.js'
import type { ChannelObserver } from '../session/observer.js'
import type { DeviceCounters } from './counters.js'
import type { Credentials } from './credentials.js'
import { DeviceDriver } from './device-driver.js'
import { DeviceError } from './device-error.js'
import { appId, DeviceMachine, type Visibility } from './device-machine.js'
import type { DeviceEvent, MissedRing, RingEnd } from './event.js'
import type { Host } from './host.js'
import type { KeepaliveView } from './hosted-device.js'
import type { Network } from './learning/network.js'
import type { ChoiceName } from './list-edit.js'
import { Ring } from './ring.js'
import type { Storage } from './storage.js'
import type { Transport } from './transport.js'

/** What `connect` needs. */
export interface ConnectOptions {
  /** of the enrolment */
  credentials: Credentials
  storage: Storage
  transport: Transport
  host: Host
  /** seconds between pings at most, 1 to 1800; default: learnt, for each network */
  keepaliveS?: number
  /** as `keepaliveS`, while datagrams go by TCP; default the same, or learnt */
  tcpKeepaliveS?: number
  /** every how many pings one asks, 1 to 4; default 1. See `DeviceOptions` */
  asksEvery?: number
  /** what the senders of rings are told this device is; default 'other' */
  deviceClass?: DeviceClass
  /** the network that the device is on; default: nothing is known of it */
  network?: Network
  /** primitives; default noble */
  crypto?: Crypto
  /** told of everything that the device does; default: nobody watches */
  observer?: ChannelObserver
}

/** Events by name: those of the machine, rings as objects, and errors by themselves, those of the storage too. */
export type ClientEvents = {
  [Kind in Exclude<DeviceEvent['kind'], 'ring' | 'error'>]: DeviceEvent & { kind: Kind }
} & { ring: Ring; error: DeviceError }

/** A promise with its ends. */
interface Waiter<Value> {
  resolve(value: Value): void
  reject(error: unknown): void
}

/**
 * Starts a device. Settles as soon as it runs, which needs no network; `device.whenOnline()` waits for the server.
 *
 * @throws DeviceError PL_BAD_CREDENTIALS, PL_BAD_STORED; whatever the storage throws; PilotlightError PL_BAD_OPTION.
 */
export async function connect(options: ConnectOptions): Promise<Device> {
  const { credentials, storage, host, crypto = nobleCrypto, keepaliveS, tcpKeepaliveS, asksEvery, network } = options
  const { deviceClass } = options
  const stored = await storage.load()
  const machine = new DeviceMachine(
    {
      credentials,
      stored,
      crypto,
      random: host.random,
      canProbe: options.transport.openProbe !== undefined,
      ...(keepaliveS === undefined ? {} : { keepaliveS }),
      ...(tcpKeepaliveS === undefined ? {} : { tcpKeepaliveS }),
      ...(asksEvery === undefined ? {} : { asksEvery }),
      ...(deviceClass === undefined ? {} : { deviceClass }),
      ...(options.observer === undefined ? {} : { observer: options.observer }),
    },
    host.now(),
  )
  if (network !== undefined) machine.networkChanged(host.now(), network)
  const device = new Device(machine, options)
  device.start()
  return device
}

export class Device {
  readonly #driver: DeviceDriver
  readonly #transport: Transport
  readonly #host: Host
  readonly #listeners = new Map<string, Set<(event: never) => void>>()
  readonly #edits = new Map<number, Waiter<void>>()
  readonly #puids = new Map<string, Waiter<string>[]>()
  readonly #checks = new Map<string, Waiter<boolean>[]>()
  readonly #rings = new Map<string, (end: RingEnd) => void>()
  #isOnline = false
  /** Why the device cannot go on, or null. */
  #fatal: DeviceError | null = null
  #online: Waiter<void>[] = []
  #stopped: (() => void)[] = []

  /** Use `connect`. */
  constructor(machine: DeviceMachine, { host, storage, transport }: ConnectOptions) {
    this.#transport = transport
    this.#host = host
    this.#driver = new DeviceDriver(machine, host, storage, transport, {
      onEvent: (event) => this.#handle(event),
      onError: (error) => this.#emit('error', error),
    })
  }

  /** Begins; `connect` does it. */
  start(): void {
    this.#driver.run((machine, now) => machine.start(now))
  }

  /** Whether the server answers. */
  get isOnline(): boolean {
    return this.#isOnline
  }

  /** The person's list with this person's latest changes. */
  get list(): PersonList {
    return this.#driver.machine.parts.list.current
  }

  /** Rings that the person missed, oldest first; `clearMissed` when they were told. */
  get missed(): readonly MissedRing[] {
    return this.#driver.machine.parts.seen.missed
  }

  /**
   * Listens to an event; see `event.ts` for each.
   *
   * @returns ends listening.
   */
  on<Kind extends keyof ClientEvents>(kind: Kind, listener: (event: ClientEvents[Kind]) => void): () => void {
    const listeners = this.#listeners.get(kind) ?? new Set()
    this.#listeners.set(kind, listeners)
    listeners.add(listener as (event: never) => void)
    return () => listeners.delete(listener as (event: never) => void)
  }

  /** Settles when the server answers. Rejects with the error of 'contact-lost' or of an end for good. */
  whenOnline(): Promise<void> {
    if (this.#isOnline) return Promise.resolve()
    return this.#wait((waiter) => this.#online.push(waiter))
  }

  /** The person uses the device. */
  active(): void {
    this.#driver.run((machine, now) => machine.setState('active', now))
  }

  /** The person does not use the device. */
  idle(): void {
    this.#driver.run((machine, now) => machine.setState('idle', now))
  }

  /** When the server counts an idle person as away and as offline; seconds, 0 never. */
  setThresholds(awayAfterS: number, offlineAfterS: number): void {
    this.#driver.run((machine, now) => machine.setThresholds(awayAfterS, offlineAfterS, now))
  }

  /**
   * Lets an application see the person.
   *
   * @param app        `app_` and 16 hexadecimal digits, or the digits alone.
   * @param visibility how; what is left out stays.
   * @returns the person's pseudonym for it, once the server has committed the list.
   */
  async allow(app: string, visibility: Visibility = {}): Promise<string> {
    await this.#edit((machine, now) => machine.allow(app, visibility, now))
    return this.puid(app)
  }

  /** Hides the person from an application. Settles when the server has committed it: from then on it holds. */
  deny(app: string): Promise<void> {
    return this.#edit((machine, now) => machine.deny(app, now))
  }

  /** As `deny`, and refuses its rings. */
  block(app: string): Promise<void> {
    return this.#edit((machine, now) => machine.block(app, now))
  }

  /** Takes the consent back: the application sees somebody who went out of contact. */
  forget(app: string): Promise<void> {
    return this.#edit((machine, now) => machine.forget(app, now))
  }

  /** Takes the consent back, and lets the application know it. Without that, use `forget`. */
  revoke(app: string): Promise<void> {
    return this.#edit((machine, now) => machine.revoke(app, now))
  }

  /** Gives the person another pseudonym for an application. @returns it, once the server has committed the list. */
  async rotatePuid(app: string): Promise<string> {
    await this.#edit((machine, now) => machine.rotatePuid(app, now))
    return this.puid(app)
  }

  /** What the person chose, for all their devices. */
  setChoice(choice: ChoiceName): Promise<void> {
    return this.#edit((machine, now) => machine.setChoice(choice, now))
  }

  /** Status and away message, each at most 128 B of UTF-8. */
  setMessages(status: string, away: string): Promise<void> {
    return this.#edit((machine, now) => machine.setMessages(status, away, now))
  }

  /** Time zone of the hours; IANA name, or empty for UTC. */
  setZone(zone: string): Promise<void> {
    return this.#edit((machine, now) => machine.setZone(zone, now))
  }

  /** The person's pseudonym for an application. @param app as in `allow`. @throws DeviceError PL_NO_CONSENT. */
  puid(app: string): Promise<string> {
    return this.#wait((waiter) => {
      const id = appId(app)
      this.#driver.run((machine, now) => machine.requestPuid(id, now))
      this.#puids.set(id, [...(this.#puids.get(id) ?? []), waiter])
    })
  }

  /** Whether the server has an application. @param app as in `allow`. */
  hasApp(app: string): Promise<boolean> {
    return this.#wait((waiter) => {
      const id = appId(app)
      this.#driver.run((machine, now) => machine.checkApp(id, now))
      this.#checks.set(id, [...(this.#checks.get(id) ?? []), waiter])
    })
  }

  /** The person compared the codes: gives the list key to the device of a 'key-offer'. @throws DeviceError PL_OFFER_UNKNOWN. */
  confirmKeyOffer(request: number): void {
    this.#driver.run((machine, now) => machine.confirmKeyOffer(request, now))
  }

  /** Begins with an empty list, when no other device can give the key of the present one. See `DeviceMachine`. */
  startNewList(): boolean {
    return this.#driver.run((machine, now) => machine.startNewList(now))
  }

  /** Forgets missed rings: one, or all. */
  clearMissed(ring: string | null = null): void {
    this.#driver.run((machine) => machine.clearMissed(ring))
  }

  /**
   * The host's network changed: a new socket, the spare connection ID, a ping at once, the interval learnt there.
   *
   * @param network what it is, if the host knows; null: there is none now, and nothing is sent until there is one.
   */
  networkChanged(network?: Network | null): void {
    this.#rebind('network')
    this.#driver.run((machine, now) => machine.networkChanged(now, network))
  }

  /** The radio is up for another reason: what is due soon goes now, at no cost. */
  radioActive(): void {
    this.#driver.run((machine, now) => machine.radioActive(now))
  }

  /** Whether the device is on a charger. */
  charging(isCharging: boolean): void {
    this.#driver.run((machine) => machine.charging(isCharging))
  }

  /** The system suspends the process, or is about to: nothing is sent, and nothing fails, until `resumed`. */
  suspended(): void {
    this.#driver.run((machine) => machine.suspended())
  }

  /** The process goes on: with a new socket if the system closed the old one, and a ping at once if one is late. */
  resumed(): void {
    const isClosed = this.#transport.isAlive?.() === false
    if (isClosed) this.#rebind('silence')
    this.#driver.run((machine, now) => machine.resumed(isClosed, now))
  }

  /** How often the device pings, and what it learnt of its networks. */
  keepalive(): KeepaliveView {
    return this.#driver.run((machine, now) => machine.keepalive(now))
  }

  /** Datagrams and bytes since the start, and what was dropped. */
  counters(): DeviceCounters {
    const { sent, received, machine } = this.#driver
    return { sent: sent.snapshot(), received: received.snapshot(), dropped: machine.drops.snapshot() }
  }

  /** Tells the server that the device leaves, waits for its answer at most 3 s, then ends. */
  async close(): Promise<void> {
    if (this.#fatal === null) {
      const stopped = new Promise<void>((resolve) => this.#stopped.push(resolve))
      this.#driver.run((machine, now) => machine.stop(now))
      await stopped
    }
    this.#end(new DeviceError('PL_STOPPED'))
    await this.#driver.close()
  }

  /** Told to the machine by itself: what goes out first on another network is `networkChanged`'s. [R-6-2] */
  #rebind(why: 'network' | 'silence'): void {
    this.#transport.rebind(why)
    this.#driver.machine.usePath(this.#transport.kind, this.#host.now())
  }

  #edit(command: (machine: DeviceMachine, now: Now) => number): Promise<void> {
    return this.#wait((waiter) => {
      // Its 'list-changed' may come before `run` returns.
      this.#driver.run((machine, now) => this.#edits.set(command(machine, now), waiter))
    })
  }

  #wait<Value>(begin: (waiter: Waiter<Value>) => void): Promise<Value> {
    return new Promise((resolve, reject) => {
      if (this.#fatal !== null) reject(this.#fatal)
      else begin({ resolve, reject })
    })
  }

  #handle(event: DeviceEvent): void {
    switch (event.kind) {
      case 'online':
        this.#isOnline = true
        for (const waiter of this.#online.splice(0)) waiter.resolve()
        break
      case 'contact-lost':
        this.#isOnline = false
        for (const waiter of this.#online.splice(0)) waiter.reject(event.error)
        this.#rebind('silence')
        break
      case 'list-changed':
        for (const number of event.settled) this.#settle(number)
        break
      case 'puid':
        for (const waiter of this.#puids.get(event.app) ?? []) waiter.resolve(event.puid)
        this.#puids.delete(event.app)
        break
      case 'app-checked':
        for (const waiter of this.#checks.get(event.app) ?? []) waiter.resolve(event.exists)
        this.#checks.delete(event.app)
        break
      case 'ring-ended':
        this.#rings.get(event.ring)?.(event.outcome)
        this.#rings.delete(event.ring)
        break
      case 'ring': {
        const ended = new Promise<RingEnd>((resolve) => this.#rings.set(event.ring, resolve))
        this.#emit('ring', new Ring(event, ended, (command) => this.#driver.run(command)))
        return
      }
      case 'error':
        for (const number of event.edits) this.#edits.get(number)?.reject(event.error)
        for (const number of event.edits) this.#edits.delete(number)
        this.#emit('error', event.error)
        return
      case 'refused':
      case 'closed':
        if (event.kind === 'closed') this.#isOnline = false
        if (!event.willRetry) this.#end(event.error)
        break
      case 'stopped':
        this.#isOnline = false
        for (const resolve of this.#stopped.splice(0)) resolve()
        break
      default:
    }
    this.#emit(event.kind, event as never)
  }

  #settle(number: number): void {
    this.#edits.get(number)?.resolve()
    this.#edits.delete(number)
  }

  /** Nothing that waits will come. */
  #end(error: DeviceError): void {
    if (this.#fatal !== null) return
    this.#fatal = error
    this.#isOnline = false
    const asked = [...this.#puids.values(), ...this.#checks.values()].flat()
    const waiters = [...this.#online, ...this.#edits.values(), ...asked]
    for (const waiter of waiters) waiter.reject(error)
    this.#online = []
    this.#edits.clear()
    this.#puids.clear()
    this.#checks.clear()
    for (const ring of [...this.#rings.keys()]) {
      this.#handle({ kind: 'ring-ended', ring, outcome: 'unconfirmed' })
    }
  }

  #emit<Kind extends keyof ClientEvents>(kind: Kind, event: ClientEvents[Kind]): void {
    for (const listener of this.#listeners.get(kind) ?? []) (listener as (event: ClientEvents[Kind]) => void)(event)
  }
}
