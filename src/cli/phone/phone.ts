/** A terminal phone: one device, and what a person or another program on this machine may do with it. */

import { hex } from '../../base/bytes.js'
import type { Credentials } from '../../client/credentials.js'
import type { Device } from '../../client/device-client.js'
import type { Network } from '../../client/learning/network.js'
import { type ChoiceName, entryOf } from '../../client/list-edit.js'
import { connect } from '../../client/node/connect.js'
import { nodeTransport } from '../../client/node/node-transport.js'
import { systemHost } from '../../client/node/system-host.js'
import type { Ring } from '../../client/ring.js'
import type { Methods, Params } from '../../io/call-socket.js'
import { ServerError } from '../../io/server-error.js'
import { cliError } from '../cli-error.js'
import { countedTransport } from './counted-transport.js'
import { stateFile } from './device-file.js'
import { appText, type PhoneEvent, shownMissed, tellEvents } from './phone-event.js'
import { TrafficCounter } from './traffic.js'

/** How a phone is set up. */
export interface PhoneOptions {
  /** of `device enrol` */
  file: string
  /** seconds between pings at most; null: learnt */
  keepaliveS: number | null
  network: Network
  /** seconds of idleness until away and offline, 0 never; null: nothing is said */
  awayAfterS: number | null
  offlineAfterS: number | null
  /** folder of qlog files, or null */
  qlog: string | null
  /** file of the key log, or null */
  keyLog: string | null
}

type State = 'active' | 'idle'

/** By their numbers: wire-spec §10. */
const CHOICES: readonly ChoiceName[] = ['available', 'unavailable', 'invisible']

/** Flags of an entry of the list: wire-spec §10. */
const ENTRY_FLAGS = { visible: 1, appearOffline: 2, shareMessages: 4, blocked: 8, toldRevoked: 16 } as const

/** Connects the device of a file. @throws CliError PL_DEVICE_FILE; DeviceError. */
export async function openPhone(
  credentials: Credentials,
  options: PhoneOptions,
  tell: (event: PhoneEvent) => void,
): Promise<Phone> {
  const traffic = new TrafficCounter()
  const storage = stateFile(options.file)
  const device = await connect({
    credentials,
    storage,
    network: options.network,
    deviceClass: 'desktop',
    transport: countedTransport(nodeTransport(credentials.endpoints, systemHost()), traffic),
    ...(options.keepaliveS === null ? {} : { keepaliveS: options.keepaliveS }),
    ...(options.qlog === null ? {} : { qlog: options.qlog }),
    ...(options.keyLog === null ? {} : { keyLog: options.keyLog }),
  }).catch((error: NodeJS.ErrnoException) => {
    if (error.syscall === undefined) throw error
    throw cliError(
      'PL_DEVICE_FILE',
      `${storage} cannot be read (${error.code})`,
      'The state of the device is kept there.',
    )
  })
  const phone = new Phone(device, { deviceId: credentials.deviceId, network: options.network }, traffic, tell)
  const { awayAfterS, offlineAfterS } = options
  if (awayAfterS !== null || offlineAfterS !== null) device.setThresholds(awayAfterS ?? 0, offlineAfterS ?? 0)
  return phone
}

/** A device and the rings that ring on it. */
export class Phone {
  readonly device: Device
  readonly #deviceId: string
  readonly #network: Network
  readonly #traffic: TrafficCounter
  readonly #tell: (event: PhoneEvent) => void
  /** those that ring, the last one last */
  readonly #rings = new Map<string, Ring>()
  /** the last request for the list key that was not confirmed yet */
  #offer: number | null = null
  #state: State = 'active'

  constructor(
    device: Device,
    { deviceId, network }: { deviceId: string; network: Network },
    traffic: TrafficCounter,
    tell: (event: PhoneEvent) => void,
  ) {
    this.device = device
    this.#deviceId = deviceId
    this.#network = network
    this.#traffic = traffic
    this.#tell = tell
    device.on('ring', (ring) => this.#handleRing(ring))
    device.on('ring-ended', ({ ring }) => this.#rings.delete(ring))
    device.on('key-offer', ({ request }) => {
      this.#offer = request
    })
    tellEvents(device, tell)
  }

  get state(): State {
    return this.#state
  }

  get choice(): ChoiceName {
    return CHOICES[this.device.list.choice] ?? 'available'
  }

  /** Rings that ring now. */
  get ringing(): number {
    return this.#rings.size
  }

  /** What was sent and received. */
  counters() {
    return this.#traffic.traffic()
  }

  /** What can be done, by name; parameters are texts. What changes the device is told as an event too. */
  methods(): Methods {
    return {
      state: async ({ state }) => this.#setState(oneOf(state, ['active', 'idle'])),
      choice: async ({ choice }) => this.#setChoice(oneOf(choice, CHOICES)),
      accept: async (params) => ({ outcome: await this.#ringOf(params).accept() }),
      dismiss: async (params) => ({ outcome: await this.#ringOf(params).dismiss() }),
      apps: async () => ({ event: 'apps', apps: this.#apps() }),
      allow: async (params) => this.#allow(appOf(params)),
      deny: async (params) => this.#deny(appOf(params)),
      forget: async (params) => this.#takeBack('forget', appOf(params)),
      revoke: async (params) => this.#takeBack('revoke', appOf(params)),
      rotate: async (params) => this.#rotate(appOf(params)),
      missed: async () => ({ event: 'missed-rings', missed: this.device.missed.map(shownMissed) }),
      network: async () => this.#changeNetwork(),
      confirm: async ({ request }) => this.#confirm(request),
      status: async () => this.status(),
    }
  }

  /** Everything at a glance. */
  status(): PhoneEvent {
    return {
      event: 'status',
      device: this.#deviceId,
      online: this.device.isOnline,
      state: this.#state,
      choice: this.choice,
      ringing: [...this.#rings.keys()],
      missed: this.device.missed.length,
      keepalive: this.device.keepalive(),
      counters: this.counters(),
    }
  }

  #told(event: PhoneEvent): PhoneEvent {
    this.#tell(event)
    return event
  }

  #handleRing(ring: Ring): void {
    this.#rings.set(ring.id, ring)
    const { id, app, title, body, url, remainingMs } = ring
    const payload = Buffer.from(ring.payload).toString('base64url')
    this.#tell({ event: 'ring', ring: id, app: appText(app), title, body, url, payload, remainingMs })
    ring.shown()
  }

  #setState(state: State): PhoneEvent {
    this.#state = state
    if (state === 'active') this.device.active()
    else this.device.idle()
    return this.#told({ event: 'state', state, choice: this.choice })
  }

  async #setChoice(choice: ChoiceName): Promise<PhoneEvent> {
    await this.device.setChoice(choice)
    return this.#told({ event: 'state', state: this.#state, choice })
  }

  #ringOf({ ring }: Params): Ring {
    const found = ring === undefined ? [...this.#rings.values()].at(-1) : this.#rings.get(String(ring))
    if (found === undefined) throw cliError('PL_BAD_LINE', 'nothing rings')
    return found
  }

  #apps() {
    return this.device.list.entries.map(({ app, flags, windows }) => ({
      app: appText(hex(app)),
      ...Object.fromEntries(Object.entries(ENTRY_FLAGS).map(([name, bit]) => [name, (flags & bit) !== 0])),
      hours: windows,
    }))
  }

  /** Asks first whether there is such an application, before it stands in the list. */
  async #allow(app: string): Promise<{ app: string; puid: string }> {
    if (!(await this.device.hasApp(app))) throw new ServerError('PL_UNKNOWN_APP', appText(app))
    const allowed = { app: appText(app), puid: await this.device.allow(app) }
    this.#tell({ event: 'puid', ...allowed })
    return allowed
  }

  async #deny(app: string): Promise<{ app: string }> {
    await this.device.deny(app)
    return { app: appText(app) }
  }

  /** The consent is over; after `revoke` the application is told so. */
  async #takeBack(how: 'forget' | 'revoke', app: string): Promise<PhoneEvent> {
    this.#flagsOf(app)
    await this.device[how](app)
    return this.#told({ event: 'revoked', app: appText(app), told: how === 'revoke' })
  }

  async #rotate(app: string): Promise<PhoneEvent> {
    const flags = this.#flagsOf(app)
    if ((flags & ENTRY_FLAGS.toldRevoked) !== 0)
      throw cliError('PL_BAD_LINE', `${appText(app)} has no consent of yours`)
    const puid = await this.device.rotatePuid(app)
    return this.#told({ event: 'puid', app: appText(app), puid })
  }

  /** Flags of the entry of an application. @throws CliError PL_BAD_LINE if there is none. */
  #flagsOf(app: string): number {
    const entry = entryOf(this.device.list, app)
    if (entry === null) throw cliError('PL_BAD_LINE', `${appText(app)} is not in your list`, 'Type l to see it.')
    return entry.flags
  }

  #changeNetwork(): PhoneEvent {
    this.device.networkChanged(this.#network)
    return this.#told({ event: 'network' })
  }

  #confirm(request: unknown): { request: number } {
    const chosen = request === undefined ? this.#offer : Number(request)
    if (chosen === null) throw cliError('PL_BAD_LINE', 'no new device asks for your list')
    this.device.confirmKeyOffer(chosen)
    this.#offer = null
    return { request: chosen }
  }
}

function oneOf<Word extends string>(value: unknown, words: readonly Word[]): Word {
  const word = words.find((candidate) => candidate === value)
  if (word === undefined) throw cliError('PL_BAD_LINE', `it must be ${words.join(' or ')}`)
  return word
}

/** 16 hexadecimal digits of `app_...`. */
export function appDigits(text: string): string {
  const digits = /^(?:app_)?([0-9a-f]{16})$/i.exec(text)?.[1]
  if (digits === undefined)
    throw cliError('PL_BAD_LINE', `"${text}" is no application`, 'It looks like app_0123456789abcdef.')
  return digits.toLowerCase()
}

function appOf({ app }: Params): string {
  return appDigits(typeof app === 'string' ? app : '')
}
