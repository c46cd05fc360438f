/** One simulated life from a seed: a server, persons with devices, AppServices, turmoil, then calm; and what must be true. */
import { hex } from '../base/bytes.js'
import { SeededRandom } from '../base/seeded-random.js'
import type { Now } from '../base/time.js'
import { DeviceError, type DeviceErrorCode } from '../client/device-error.js'
import type { DeviceMachine } from '../client/device-machine.js'
import type { DeviceEvent } from '../client/event.js'
import type { Crypto } from '../crypto/crypto.js'
import { type KeyPair, keyPair } from '../crypto/key-pair.js'
import { deviceHandle } from '../endpoint/device-handle.js'
import type { AppKey } from '../hub/message.js'
import { AnswerMeter } from './answer-meter.js'
import { AppService } from './app-service.js'
import { Checker } from './checker.js'
import { ConsentWatch } from './consent-watch.js'
import { ContactModel } from './contact-model.js'
import { DeviceNode, type DeviceSetting } from './device-node.js'
import { EventQueue } from './event-queue.js'
import { Hooks } from './hooks.js'
import { Hostile } from './hostile.js'
import { HostilePeer } from './hostile-peer.js'
import type { House, Person } from './house.js'
import { Inspector } from './inspector.js'
import { Network } from './network.js'
import { NonceRecorder } from './nonce-recorder.js'
import type { Scenario } from './scenario.js'
import { ServerNode, type ServerSetting, type ServiceReply } from './server-node.js'
import { ServerWatch } from './server-watch.js'
import { ServiceWatch } from './service-watch.js'
import { addStoredDevice, type Disk, emptyDisk } from './sim-store.js'
import { Turmoil } from './turmoil.js'

/** Keys that do not depend on the seed: making the connection ID tables takes a while. */
const FIXED = new SeededRandom('pilotlight simulation, fixed keys')
const CID_KEY = FIXED.fork('cid').fill(new Uint8Array(32))
const EPOCH_MS = 1_700_000_000_000
const SETTLE_S = 45
/** Within so many seconds there is one moment at which nobody does anything. */
const REST_S = 60
const APPS: readonly AppKey[] = [1, 2]
/** What a person meets who presses a button a moment too late. */
const OVER = new Set<DeviceErrorCode>(['PL_RING_OVER', 'PL_OFFER_UNKNOWN', 'PL_NO_CONSENT'])

/** What a world is built from; a test puts something broken in its place. */
export interface WorldParts {
  network: (queue: EventQueue, random: SeededRandom) => Network
  server: (setting: ServerSetting, disk: Disk) => ServerNode
  device: (setting: DeviceSetting) => DeviceNode
}

const PARTS: WorldParts = {
  network: (queue, random) => new Network(queue, random),
  server: (setting, disk) => new ServerNode(setting, disk),
  device: (setting) => new DeviceNode(setting),
}

export class World implements House {
  readonly checker = new Checker()
  readonly queue = new EventQueue()
  readonly scenario: Scenario
  readonly random: SeededRandom
  readonly network: Network
  readonly server: ServerNode
  readonly hostile: Hostile
  readonly persons: Person[] = []
  readonly services: AppService[]
  readonly hooks: Hooks
  readonly devices: DeviceNode[] = []
  readonly peers: HostilePeer[] = []
  readonly #parts: WorldParts
  readonly #crypto: Crypto
  readonly #recorder: NonceRecorder
  readonly #statics: KeyPair
  readonly #inspector: Inspector
  readonly #service: ServiceWatch
  readonly #consent: ConsentWatch
  #clones = 0
  #isCalm = false

  constructor(scenario: Scenario, seed: number, crypto: Crypto, parts: Partial<WorldParts> = {}) {
    const random = new SeededRandom(`${scenario.name} ${seed}`)
    const fail = (what: string): void => this.checker.fail(`${what} (at ${Math.trunc(this.queue.nowMs)} ms)`)
    this.scenario = scenario
    this.random = random
    this.#parts = { ...PARTS, ...parts }
    this.#recorder = new NonceRecorder(fail)
    this.#crypto = this.#recorder.watch(crypto)
    this.#statics = keyPair(crypto, random.fork('static').fill(new Uint8Array(32)))
    this.network = this.#parts.network(this.queue, random.fork('network'))
    const { publicKey } = this.#statics
    this.hostile = new Hostile(crypto, random.fork('hostile'), this.network, this.checker, publicKey)
    this.network.observe = (seen) => this.hostile.observe(seen)
    const apps = new Map(APPS.map((app) => [app, random.fork(`app-${app}`).fill(new Uint8Array(8))]))
    this.#service = new ServiceWatch(this, fail)
    this.#consent = new ConsentWatch(this, fail)
    this.services = APPS.map((app) => this.#appService(app, hex(apps.get(app)!)))
    const contact = new ContactModel(fail)
    const setting: ServerSetting = {
      crypto: this.#service.watch(this.#crypto),
      random: random.fork('server'),
      network: this.network,
      workers: scenario.workers,
      slots: 8 + scenario.persons * scenario.devicesPerPerson + scenario.hostilePeers,
      staticKeys: [this.#statics],
      cidKey: CID_KEY,
      resetKey: random.fork('reset').fill(new Uint8Array(32)),
      puidKey: random.fork('puid').fill(new Uint8Array(32)),
      apps,
      epochMs: EPOCH_MS,
      watch: new ServerWatch(contact, new AnswerMeter(fail), CID_KEY),
      attach: (ports) => {
        this.network.servers = ports
      },
      onReply: (reply) => this.#handleReply(reply),
      onWebhook: (send, answered) => this.hooks.take(send, answered),
      onCrash: () => this.later(0.5 + this.random.int(10), () => this.#startAgain()),
    }
    this.server = this.#parts.server(setting, emptyDisk())
    this.hooks = new Hooks(this, fail)
    this.#addPeers() // before the others, so that their records have neighbours
    for (let person = 1; person <= scenario.persons; person++) this.#addPerson(person)
    this.#inspector = new Inspector(this, contact, this.#consent, fail)
  }

  /** Devices' virtual days lived. */
  get deviceDays(): number {
    return (this.devices.length * this.queue.nowMs) / 86_400_000
  }

  get latecomers(): DeviceNode[] {
    return this.persons.flatMap(({ devices }) => devices.slice(devices.length - (this.scenario.latecomers ?? 0)))
  }

  get datagrams(): number {
    return this.network.datagrams
  }

  get handshakes(): number {
    return this.devices.reduce((sum, device) => sum + device.handshakes, 0)
  }

  /** Lives the whole life; the checker knows what was broken. What our own code throws is a broken promise too. */
  run(): void {
    try {
      this.startServer()
      this.#settle()
      this.#inspector.start()
      const untilMs = this.queue.nowMs + this.scenario.turmoilS * 1000
      new Turmoil(this, untilMs)
      if (this.scenario.isServed === true) this.#service.start()
      this.queue.runUntil(untilMs)
      this.#calm()
      this.#inspector.finish()
    } catch (error) {
      this.checker.fail(`thrown at ${Math.trunc(this.queue.nowMs)} ms: ${(error as Error).stack ?? String(error)}`)
    }
  }

  now(): Now {
    return { monotonicMs: this.queue.nowMs, wallMs: Math.floor(EPOCH_MS + this.queue.nowMs) }
  }

  later = (seconds: number, run: () => void): void => {
    this.queue.at(this.queue.nowMs + seconds * 1000, run)
  }

  startServer = (): void => {
    this.hooks.watch.started()
    this.server.start()
    for (const service of this.services) service.subscribe()
  }

  killDevice = (device: DeviceNode): void => {
    device.kill()
    this.checker.deviceKilled(device.name)
  }

  agreed = (person: number, appId: string): void => this.#consent.agreed(person, appId)

  startDevice = (device: DeviceNode): void => {
    if (!device.isRunning && !this.#isCalm) device.start()
  }

  cloneOf = (device: DeviceNode): DeviceNode => {
    const { setting } = device
    const name = `${setting.name} copy ${++this.#clones}`
    return this.#parts.device({ ...setting, name, random: this.random.fork(name) })
  }

  copyOfServer = (): ServerNode => {
    const name = `server copy ${++this.#clones}`
    const fail = (what: string): void => this.checker.fail(`${name}: ${what}`)
    const watch = new ServerWatch(new ContactModel(fail), new AnswerMeter(fail), CID_KEY)
    const nothing = (): void => {}
    const random = this.random.fork(name)
    const setting = {
      ...this.server.setting,
      random,
      watch,
      attach: nothing,
      onReply: nothing,
      onWebhook: nothing,
      onCrash: nothing,
    }
    return this.#parts.server(setting, emptyDisk())
  }

  #startAgain(): void {
    if (!this.server.isUp) this.startServer()
  }

  /** Everybody comes on line without faults, allows the applications, and devices share the list. */
  #settle(): void {
    for (const device of this.devices) {
      device.path.conditions = { ...this.scenario.link, lossRatio: 0, bursts: null, duplicateRatio: 0 }
      if (!this.latecomers.includes(device)) device.start()
    }
    this.#runFor(SETTLE_S / 3)
    for (const { devices } of this.persons) {
      for (const { appId } of this.services) devices[0]!.do((machine, now) => machine.allow(appId, {}, now))
    }
    this.#runFor(SETTLE_S / 3)
    this.#askPuids()
    this.#runFor(SETTLE_S / 3)
    for (const device of this.devices) device.path.conditions = this.scenario.link
  }

  #askPuids(): void {
    for (const { devices } of this.persons) {
      for (const { appId } of this.services) this.#unlessOver(devices[0]!, (one, now) => one.requestPuid(appId, now))
    }
  }

  /** No more faults; everybody is active, but the last person, whose devices are dead. */
  #calm(): void {
    this.#isCalm = true
    this.server.crashAtCommit = null
    this.server.crashAtWebhook = null
    this.hooks.recover()
    for (const [index, device] of this.devices.entries()) {
      device.path.dark = false
      this.#freePath(device, index % 3 === 1)
      device.killAtSave = null
      device.path.conditions = { ...this.scenario.link, lossRatio: 0, bursts: null, duplicateRatio: 0 }
      if (device.isSuspended) this.killDevice(device)
      if (!device.isRunning) device.start()
      device.do((machine, now) => machine.setState('active', now))
    }
    this.#startAgain()
    for (const device of this.persons.at(-1)?.devices ?? []) this.killDevice(device)
    this.#runFor(this.scenario.calmS / 2)
    this.#askPuids() // who died in an edit may have asked for a pseudonym that was never in force
    this.#runFor(this.scenario.calmS / 2)
    for (const service of this.services) service.readAll()
    this.#runFor(1)
    // A ping may be on its way at any time: everything is at rest between them.
    for (let second = 0; second < REST_S && this.#inspector.unrested().length > 0; second++) this.#runFor(1)
  }

  /** Some stay where UDP does not pass. All others come to a free network. */
  #freePath(device: DeviceNode, staysBlocked: boolean): void {
    device.path.udp = 'open' // an ill-meaning peer may have shut its own
    if (this.scenario.tcpKeepaliveS === undefined) return
    device.path.join()
    if (staysBlocked) device.path.udp = 'blocked'
    device.networkChanged()
  }

  #handleDevice(person: number, device: DeviceNode, event: DeviceEvent): void {
    const { wallMs } = this.now()
    const { unseenMs } = device.clock
    if (event.kind === 'ring') {
      this.checker.ringShown(device.name, event.ring, wallMs, unseenMs)
      this.#consent.shown(person, device.name, event.ring)
      this.#answer(device, event.ring)
    } else if (event.kind === 'ring-ended') {
      this.checker.ringStopped(device.name, event.ring, wallMs, EPOCH_MS + device.resumedMs, unseenMs)
    } else if (event.kind === 'puid') {
      this.services.find((one) => one.appId === event.app)?.learn(person, event.puid)
    } else if (event.kind === 'key-offer') {
      this.later(1, () => this.#confirmOffer(device, event.request))
    } else if (event.kind === 'stopped') this.#restartDevice(device)
    else if (event.kind === 'refused' && event.code === 3)
      this.checker.fail(`${device.name} is not known to the server`)
  }

  /** It died at a save. */
  #restartDevice(device: DeviceNode): void {
    this.killDevice(device)
    this.later(0.1 + this.random.int(20), () => this.startDevice(device))
  }

  #confirmOffer(device: DeviceNode, request: number): void {
    this.#unlessOver(device, (machine, now) => machine.confirmKeyOffer(request, now))
  }

  #answer(device: DeviceNode, ring: string): void {
    this.#unlessOver(device, (machine, now) => machine.shown(ring, now))
    const choice = this.random.uniform()
    if (choice > 0.8) return
    this.later(this.random.uniform() * 20, () => {
      this.#unlessOver(device, (machine, now) => {
        if (choice < 0.5) machine.accept(ring, null, now)
        else machine.dismiss(ring, now)
        this.checker.ringAnswered(device.name, ring)
      })
    })
  }

  /** A person may press a button just when the ring, the offer or the consent has ended. */
  #unlessOver(device: DeviceNode, press: (machine: DeviceMachine, now: Now) => void): void {
    try {
      device.do(press)
    } catch (error) {
      if (!(error instanceof DeviceError && OVER.has(error.code))) throw error
    }
  }

  #handleReply(reply: ServiceReply): void {
    const name = 'stream' in reply ? reply.stream : reply.request
    const service = this.services.find((one) => one.owns(name))
    service?.handleReply(reply)
    if (service !== undefined && 'ring' in reply) this.hooks.watch.ringSeen(service.app, reply.ring)
  }

  /** A ring is on its way. */
  #judgeRing(app: AppService, ring: string, to: readonly string[]): void {
    this.#consent.ringing(app, ring, to)
    if (this.scenario.isServed !== true) return
    const persons = [...app.puids].filter(([, puid]) => to.includes(puid)).map(([person]) => person)
    this.#service.ringing(ring, persons)
  }

  #appService(app: AppKey, appId: string): AppService {
    const random = this.random.fork(`service-${app}`)
    const service: AppService = new AppService({
      app,
      appId,
      random,
      checker: this.checker,
      request: (asked) => this.server.request(asked),
      onRing: (ring, to) => this.#judgeRing(service, ring, to),
    })
    return service
  }

  #addPerson(number: number): void {
    const person: Person = { number, devices: [] }
    this.persons.push(person)
    for (let index = 0; index < this.scenario.devicesPerPerson; index++) {
      person.devices.push(this.#addDevice(number, `device ${number}.${index}`))
    }
  }

  /** Attackers' devices belong to a person whom nobody judges. */
  #addPeers(): void {
    for (let index = 0; index < this.scenario.hostilePeers; index++) {
      const device = this.#addDevice(this.scenario.persons + 1 + index, `hostile peer ${index}`)
      this.peers.push(new HostilePeer(device, this.random.fork(`peer-${index}`)))
    }
  }

  #addDevice(person: number, name: string): DeviceNode {
    const { workers, link, keepaliveS, tcpKeepaliveS = null, steps } = this.scenario
    const count = this.devices.length
    const port = count % workers
    const random = this.random.fork(`device-${count}`)
    const { secretKey, publicKey } = keyPair(this.#crypto, random.fork('static').fill(new Uint8Array(32)))
    const psk = random.fork('psk').fill(new Uint8Array(32))
    const handle = deviceHandle(port, Math.floor(count / workers), 0)
    const row = { device: handle, person, name, publicKey, psk, stampMs: 0, rotation: 0, session: null }
    addStoredDevice(this.server.disk, row)
    const serverKeys = [this.#statics.publicKey]
    const device = this.#parts.device({
      name,
      handle,
      credentials: { deviceId: name, secretKey, publicKey, psk, serverKeys, endpoints: ['udp://sim:1'] },
      crypto: this.#crypto,
      random,
      network: this.network,
      port,
      link,
      now: () => this.now(),
      keepaliveS,
      tcpKeepaliveS,
      steps: steps ? { stepMs: steps.everyS * 1000, keyStepMs: steps.keyEveryS * 1000, packets: 65_536 } : null,
      onEvent: (node, event) => this.#handleDevice(person, node, event),
    })
    this.devices.push(device)
    return device
  }

  #runFor(seconds: number): void {
    this.queue.runUntil(this.queue.nowMs + seconds * 1000)
  }
}
