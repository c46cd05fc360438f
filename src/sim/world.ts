/** One simulated life from a seed: a server, persons with devices, AppServices, turmoil, then calm; and what must be true. */
import { hex } from '../base/bytes.js'
import { SeededRandom } from '../base/seeded-random.js'
import type { Now } from '../base/time.js'
import { DeviceError } from '../client/device-error.js'
import type { DeviceMachine } from '../client/device-machine.js'
import type { DeviceEvent } from '../client/event.js'
import type { Crypto } from '../crypto/crypto.js'
import { type KeyPair, keyPair } from '../crypto/key-pair.js'
import { deviceHandle } from '../endpoint/device-handle.js'
import type { AppKey, HubReply } from '../hub/message.js'
import { AppService } from './app-service.js'
import { Checker } from './checker.js'
import { DeviceNode } from './device-node.js'
import { EventQueue } from './event-queue.js'
import { Hostile } from './hostile.js'
import { Network } from './network.js'
import type { Scenario } from './scenario.js'
import { ServerNode } from './server-node.js'
import { emptyDisk } from './sim-store.js'

/** Keys that do not depend on the seed: making the connection ID tables takes a while. */
const FIXED = new SeededRandom('pilotlight simulation, fixed keys')
const CID_KEY = FIXED.fork('cid').fill(new Uint8Array(32))
const EPOCH_MS = 1_700_000_000_000
const SETTLE_S = 90
/** longer than the longest silence, after which a restarted server calls the unheard offline */
const CALM_S = 2100
/** steps that a device must have taken where they are frequent */
const LEAST_STEPS = 60
const APPS: readonly AppKey[] = [1, 2]

interface Person {
  number: number
  devices: DeviceNode[]
}

export class World {
  readonly checker = new Checker()
  readonly queue = new EventQueue()
  readonly #scenario: Scenario
  readonly #crypto: Crypto
  readonly #random: SeededRandom
  readonly #network: Network
  readonly #server: ServerNode
  readonly #hostile: Hostile
  readonly #persons: Person[] = []
  readonly #services: AppService[]
  readonly #devices: DeviceNode[] = []
  #turmoilUntilMs = 0

  constructor(scenario: Scenario, seed: number, crypto: Crypto) {
    const random = new SeededRandom(`${scenario.name} ${seed}`)
    this.#scenario = scenario
    this.#crypto = crypto
    this.#random = random
    this.#network = new Network(this.queue, random.fork('network'))
    this.#hostile = new Hostile(random.fork('hostile'), this.#network, this.checker)
    this.#network.observe = (seen) => this.#hostile.observe(seen)
    const apps = new Map(APPS.map((app) => [app, random.fork(`app-${app}`).fill(new Uint8Array(8))]))
    this.#services = APPS.map((app) => this.#service(app, hex(apps.get(app)!)))
    const statics = keyPair(crypto, random.fork('static').fill(new Uint8Array(32)))
    const setting = {
      crypto,
      random: random.fork('server'),
      network: this.#network,
      workers: scenario.workers,
      staticKeys: [statics],
      cidKey: CID_KEY,
      resetKey: random.fork('reset').fill(new Uint8Array(32)),
      puidKey: random.fork('puid').fill(new Uint8Array(32)),
      apps,
      epochMs: EPOCH_MS,
      onReply: (reply: HubReply) => this.#handleReply(reply),
      onEvent: () => {},
    }
    this.#server = new ServerNode(setting, emptyDisk())
    for (let person = 1; person <= scenario.persons; person++) this.#addPerson(person, statics)
  }

  /** Devices' virtual days lived. */
  get deviceDays(): number {
    return (this.#devices.length * this.queue.nowMs) / 86_400_000
  }

  get datagrams(): number {
    return this.#network.datagrams
  }

  get handshakes(): number {
    return this.#devices.reduce((sum, device) => sum + device.handshakes, 0)
  }

  /** Lives the whole life; the checker knows what was broken. */
  run(): void {
    this.#server.start()
    this.#settle()
    this.#turmoilUntilMs = this.queue.nowMs + this.#scenario.turmoilS * 1000
    this.#startTurmoil()
    this.queue.runUntil(this.#turmoilUntilMs)
    this.#calm()
    this.#judge()
  }

  /** Everybody comes on line without faults, allows the first application, and devices share the list. */
  #settle(): void {
    for (const device of this.#devices) {
      device.path.conditions = { ...this.#scenario.link, lossRatio: 0, duplicateRatio: 0 }
      device.start()
    }
    this.#runFor(SETTLE_S / 3)
    for (const { devices } of this.#persons) {
      for (const { appId } of this.#services) devices[0]!.do((machine, now) => machine.allow(appId, {}, now))
    }
    for (const service of this.#services) service.subscribe()
    this.#runFor(SETTLE_S / 3)
    for (const { devices } of this.#persons) {
      for (const { appId } of this.#services) devices[0]!.do((machine, now) => machine.requestPuid(appId, now))
    }
    this.#runFor(SETTLE_S / 3)
    for (const device of this.#devices) device.path.conditions = this.#scenario.link
  }

  #startTurmoil(): void {
    const { every } = this.#scenario
    for (const device of this.#devices) {
      this.#often(every.stateS, () => this.#changeState(device))
      this.#often(every.rebindS, () => device.path.rebind())
      this.#often(every.networkChangeS, () => {
        device.path.rebind()
        device.do((machine, now) => machine.networkChanged(now))
      })
      this.#often(every.darkS, () => this.#goDark(device))
      this.#often(every.appKillS, () => this.#killApp(device))
    }
    for (const person of this.#persons) this.#often(every.listEditS, () => this.#editList(person))
    for (const service of this.#services) {
      this.#often(every.ringS, () => service.ring())
      this.#often(every.ringS * 5, () => service.withdraw())
    }
    this.#often(every.serverCrashS, () => this.#crashServer())
    this.#often(every.hostileS, () => this.#hostile.act(this.#devices))
  }

  /** No more faults; everybody is active, but the last person, whose devices are dead. */
  #calm(): void {
    for (const device of this.#devices) {
      device.path.dark = false
      device.path.conditions = { ...this.#scenario.link, lossRatio: 0, duplicateRatio: 0 }
    }
    if (!this.#server.isUp) this.#startServer()
    for (const person of this.#persons) {
      const isGone = person === this.#persons.at(-1)
      for (const device of person.devices) {
        if (isGone) this.#kill(device)
        else if (!device.isRunning) device.start()
        device.do((machine, now) => machine.setState('active', now))
      }
    }
    this.#runFor(CALM_S)
    for (const service of this.#services) service.readAll()
    this.#runFor(1)
  }

  #judge(): void {
    this.checker.finish()
    for (const device of this.#devices) this.#judgeSession(device)
    for (const person of this.#persons) {
      const lists = new Set(person.devices.filter((one) => one.isRunning).map((one) => one.machine!.parts.list.version))
      if (lists.size > 1) this.checker.fail(`devices of person ${person.number} hold lists ${[...lists].join(', ')}`)
      for (const service of this.#services) this.#judgePresence(person, service)
    }
  }

  /** A key step costs no handshake, whatever is lost and whoever dies, and steps go on to the end. */
  #judgeSession(device: DeviceNode): void {
    if (this.#scenario.isOneHandshake !== true) return
    if (device.handshakes !== 1) this.checker.fail(`${device.name} sent ${device.handshakes} messages 1`)
    const epoch = device.machine?.parts.channel.view.epoch
    if (epoch !== undefined && epoch < LEAST_STEPS) this.checker.fail(`${device.name} is in epoch ${epoch}`)
  }

  #judgePresence(person: Person, service: AppService): void {
    const puid = service.puids.get(person.number)
    const view = puid === undefined ? undefined : service.read.get(puid)
    const device = person.devices.find((one) => one.isRunning)
    const isShown = device?.machine?.parts.list.isVisible(service.appId) ?? false
    const expected = isShown ? 'online' : 'offline'
    if (view === undefined) this.checker.fail(`presence of person ${person.number} cannot be read`)
    else if (view.state !== expected) {
      this.checker.fail(
        `person ${person.number} reads ${view.state} (${view.cause}) for ${service.appId}, is ${expected}`,
      )
    }
  }

  #changeState(device: DeviceNode): void {
    const state = this.#random.uniform() < 0.5 ? 'active' : 'idle'
    device.do((machine, now) => machine.setState(state, now))
  }

  #goDark(device: DeviceNode): void {
    device.path.dark = true
    this.#later(1 + this.#random.int(120), () => {
      device.path.dark = false
    })
  }

  #killApp(device: DeviceNode): void {
    if (!device.isRunning) return
    this.#kill(device)
    this.#later(0.1 + this.#random.int(20), () => {
      if (!device.isRunning) device.start()
    })
  }

  #kill(device: DeviceNode): void {
    device.kill()
    this.checker.deviceKilled(device.name)
  }

  #editList(person: Person): void {
    const device = person.devices[this.#random.int(person.devices.length)]!
    const { appId } = this.#services[this.#random.int(this.#services.length)]!
    const denies = this.#random.uniform() < 0.4
    device.do((machine, now) => {
      if (denies) machine.deny(appId, now)
      else machine.allow(appId, {}, now)
    })
  }

  #crashServer(): void {
    if (!this.#server.isUp) return
    this.#server.crash()
    this.#later(0.5 + this.#random.int(10), () => {
      if (!this.#server.isUp) this.#startServer()
    })
  }

  #startServer(): void {
    this.#server.start()
    for (const service of this.#services) service.subscribe()
  }

  #handleDevice(person: number, device: DeviceNode, event: DeviceEvent): void {
    const wallMs = this.#now().wallMs
    if (event.kind === 'ring') {
      this.checker.ringShown(device.name, event.ring, wallMs)
      this.#answer(device, event.ring)
    } else if (event.kind === 'ring-ended') this.checker.ringStopped(device.name, event.ring, wallMs)
    else if (event.kind === 'puid') {
      this.#services.find((one) => one.appId === event.app)?.puids.set(person, event.puid)
    } else if (event.kind === 'key-offer') {
      this.#later(1, () => device.do((machine, now) => machine.confirmKeyOffer(event.request, now)))
    } else if (event.kind === 'refused' && event.code === 3)
      this.checker.fail(`${device.name} is not known to the server`)
  }

  #answer(device: DeviceNode, ring: string): void {
    this.#unlessOver(device, (machine, now) => machine.shown(ring, now))
    const choice = this.#random.uniform()
    if (choice > 0.8) return
    this.#later(this.#random.uniform() * 20, () => {
      this.#unlessOver(device, (machine, now) => {
        if (choice < 0.5) machine.accept(ring, null, now)
        else machine.dismiss(ring, now)
        this.checker.ringAnswered(device.name, ring)
      })
    })
  }

  /** A person may press a button just when the ring has ended. */
  #unlessOver(device: DeviceNode, press: (machine: DeviceMachine, now: Now) => void): void {
    try {
      device.do(press)
    } catch (error) {
      if (!(error instanceof DeviceError) || error.code !== 'PL_RING_OVER') throw error
    }
  }

  #handleReply(reply: HubReply): void {
    const name = 'stream' in reply ? reply.stream : reply.request
    this.#services.find((one) => one.owns(name))?.handleReply(reply)
  }

  #service(app: AppKey, appId: string): AppService {
    const random = this.#random.fork(`service-${app}`)
    return new AppService({
      app,
      appId,
      random,
      checker: this.checker,
      request: (asked) => this.#server.request(asked),
    })
  }

  #addPerson(number: number, statics: KeyPair): void {
    const { devicesPerPerson, workers, link, keepaliveS, steps } = this.#scenario
    const person: Person = { number, devices: [] }
    this.#persons.push(person)
    for (let index = 0; index < devicesPerPerson; index++) {
      const count = this.#devices.length
      const port = count % workers
      const random = this.#random.fork(`device-${count}`)
      const { secretKey, publicKey } = keyPair(this.#crypto, random.fork('static').fill(new Uint8Array(32)))
      const psk = random.fork('psk').fill(new Uint8Array(32))
      const name = `device ${number}.${index}`
      const handle = deviceHandle(port, Math.floor(count / workers), 0)
      const row = { device: handle, person: number, name, publicKey, psk, stampMs: 0, rotation: 0, session: null }
      this.#server.disk.devices.set(handle, row)
      const credentials = {
        deviceId: name,
        secretKey,
        publicKey,
        psk,
        serverKeys: [statics.publicKey],
        endpoints: ['udp://sim:1'],
      }
      const device = new DeviceNode({
        name,
        credentials,
        crypto: this.#crypto,
        random,
        network: this.#network,
        port,
        link,
        now: () => this.#now(),
        keepaliveS,
        steps: steps ? { stepMs: steps.everyS * 1000, keyStepMs: steps.keyEveryS * 1000, packets: 65_536 } : null,
        onEvent: (node, event) => this.#handleDevice(number, node, event),
      })
      person.devices.push(device)
      this.#devices.push(device)
    }
  }

  #now(): Now {
    return { monotonicMs: this.queue.nowMs, wallMs: Math.floor(EPOCH_MS + this.queue.nowMs) }
  }

  /** Runs `run` again and again during the turmoil, `meanS` apart on average. */
  #often(meanS: number, run: () => void): void {
    if (meanS <= 0) return
    const next = (): void => {
      const waitMs = -Math.log(1 - this.#random.uniform()) * meanS * 1000
      const atMs = this.queue.nowMs + waitMs
      if (atMs >= this.#turmoilUntilMs) return
      this.queue.at(atMs, () => {
        run()
        next()
      })
    }
    next()
  }

  #later(seconds: number, run: () => void): void {
    this.queue.at(this.queue.nowMs + seconds * 1000, run)
  }

  #runFor(seconds: number): void {
    this.queue.runUntil(this.queue.nowMs + seconds * 1000)
  }
}
