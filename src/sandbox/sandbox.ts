/**
 * Where test keys lead: a hub of its own, with echo persons and nobody else in it. A test key cannot reach a person,
 * because there are none where it goes; and its PUIDs are made with another key.
 */

import { Queue } from '../base/queue.js'
import { ascii } from '../base/text.js'
import type { Now } from '../base/time.js'
import { type Crypto, KEY_BYTES } from '../crypto/crypto.js'
import { deviceHandle } from '../endpoint/device-handle.js'
import type { EndpointCommand, EndpointEvent } from '../endpoint/message.js'
import type { HubOptions } from '../hub/config.js'
import { Hub } from '../hub/hub.js'
import type { AppKey, HubRequest, HubStoreReply, HubStoreRequest } from '../hub/message.js'
import { PuidCodec } from '../presence/puid.js'
import { EchoDevice } from './echo-device.js'
import type { Behaviour, TestPerson, TestPersonChange } from './message.js'

/** The echo persons of each application. */
const PERSONS: readonly { name: string; behaviour: Behaviour }[] = [
  { name: 'accepts', behaviour: 'accept' },
  { name: 'dismisses', behaviour: 'dismiss' },
  { name: 'ignores', behaviour: 'ignore' },
]

/** Numbers of persons that each application has, for more of them later: a PUID stays what it is. */
const NUMBERS_PER_APP = 16

/** Applications with echo persons at once; devices are few, so that their handles fit. */
const APPS_MAX = 100_000

/** An echo person and their device. */
interface Echo {
  person: number
  puid: string
  name: string
  device: EchoDevice
}

/** The hub of test keys, and the doors that an endpoint would have. Application numbers are positive here. */
export class Sandbox {
  readonly hub: Hub
  readonly #crypto: Crypto
  readonly #puidKey: Uint8Array
  readonly #echoes = new Map<AppKey, Echo[]>()
  readonly #byHandle: EchoDevice[] = []
  readonly #events = new Queue<EndpointEvent>()
  readonly #lists = new Map<number, number>()

  /** @param options of the real hub; the key of PUIDs is derived from its. */
  constructor(options: HubOptions) {
    this.#crypto = options.crypto
    this.#puidKey = options.crypto.mac(options.puidKey, ascii('pilotlight sandbox'), KEY_BYTES)
    this.hub = new Hub({ ...options, puidKey: this.#puidKey })
  }

  /** Whether an application has its echo persons. */
  has(app: AppKey): boolean {
    return this.#echoes.has(app)
  }

  /**
   * Makes the echo persons of an application.
   *
   * @param appId 8 B.
   * @param tell  hands a request to the hub, and lets everything move.
   */
  add(app: AppKey, appId: Uint8Array, name: string, tell: (request: HubRequest) => void): void {
    if (this.#echoes.has(app) || this.#echoes.size >= APPS_MAX) return
    const puids = new PuidCodec(this.#crypto, this.#puidKey, appId)
    const echoes: Echo[] = []
    this.#echoes.set(app, echoes)
    tell({ kind: 'app-added', app, appId, name })
    PERSONS.forEach(({ name: personName, behaviour }, index) => {
      const person = app * NUMBERS_PER_APP + index + 1
      const device = deviceHandle(0, this.#byHandle.length, 0)
      const state = { behaviour, presence: 'online', message: '', consent: 'given' } as const
      const echo = new EchoDevice(device, appId, { ...state }, (event) => this.#events.push(event))
      this.#byHandle.push(echo)
      echoes.push({ person, puid: puids.write({ person, rotation: 0 }), name: personName, device: echo })
      tell({ kind: 'device-added', person, device, rotation: 0 })
      echo.start()
    })
  }

  /** The application is gone. */
  remove(app: AppKey, tell: (request: HubRequest) => void): void {
    for (const { person } of this.#echoes.get(app) ?? []) tell({ kind: 'account-removed', person, devices: [] })
    if (this.#echoes.delete(app)) tell({ kind: 'app-removed', app })
  }

  /** Steers an echo person. @returns false if the application has no such person. */
  change(app: AppKey, { puid, ...change }: TestPersonChange): boolean {
    const echo = this.#echoes.get(app)?.find((one) => one.puid === puid)
    echo?.device.change(change)
    return echo !== undefined
  }

  /** The echo persons of an application. */
  persons(app: AppKey): TestPerson[] {
    return (this.#echoes.get(app) ?? []).map(({ puid, name, device }) => {
      const { behaviour, presence, message } = device.state
      return { puid, name, behaviour, presence, message }
    })
  }

  /** The store of the sandbox: it remembers the versions of lists, and nothing of a ring. */
  store(request: HubStoreRequest): HubStoreReply | null {
    if (request.kind === 'put-list') {
      const { person, base, version } = request
      const ok = (this.#lists.get(person) ?? 0) === base
      if (ok) this.#lists.set(person, version)
      return { kind: 'stored', request: request.request, ok, version: this.#lists.get(person) ?? 0 }
    }
    if (request.kind === 'get-list') return { kind: 'list', request: request.request, version: 0, sealed: null }
    if (request.kind === 'get-papers') return { kind: 'papers', request: request.request, papers: null }
    if (!('request' in request)) return null
    return { kind: 'stored', request: request.request, ok: true, version: 0 }
  }

  // Doors of an endpoint

  handleDatagram(): void {}
  postpone(): boolean {
    return false
  }
  handlePostponed(): boolean {
    return false
  }
  handlePathClosed(): void {}
  handleStored(): void {}
  handleHandOver(): void {}
  handleTimeout(): void {}
  nextTimeout(): number {
    return Infinity
  }
  pollTransmit(): null {
    return null
  }
  pollStore(): null {
    return null
  }
  pollClose(): null {
    return null
  }
  pollHandOver(): null {
    return null
  }
  pollWanted(): null {
    return null
  }

  handleCommand(command: EndpointCommand, _now: Now): void {
    if (command.kind !== 'send') return
    const slot = this.#byHandle[Math.floor(command.device / 65_536)]
    for (const frame of command.frames) slot?.take(frame)
  }

  pollEvent(): EndpointEvent | null {
    return this.#events.shift()
  }
}
