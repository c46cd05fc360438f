/** Goes through a world every few seconds, and once more at the end, and looks whether its promises are kept. */
import type { AppService } from './app-service.js'
import { type ConsentWatch, LISTS_S } from './consent-watch.js'
import type { ContactModel } from './contact-model.js'
import type { DeviceNode } from './device-node.js'
import type { House, Person } from './house.js'
import { ReachWatch, SAMPLE_S } from './reach-watch.js'

/** Seconds between two looks. */
const EVERY_S = 20
/** After a start of the server somebody who was not heard reads `unknown` until this, ms: the longest silence. */
const UNKNOWN_MS = 1_800_000
/** Steps that a device must have taken where they are frequent. */
const LEAST_STEPS = 50
/** Numbers of the hub that are 0 when nothing is going on. */
const AT_REST = ['ringsOpen', 'ringsTelling', 'ringWaits', 'ringWrites', 'listTransfers'] as const

/** The same of an endpoint: objects beside the records. */
const BESIDE_RECORDS = ['handshakesPending', 'lookupsPending'] as const
/** Those that a session may ask for. */
const OF_SESSIONS = ['probesHeld', 'pathsProving', 'framesWaiting'] as const

export class Inspector {
  readonly #house: House
  readonly #contact: ContactModel
  readonly #fail: (what: string) => void
  readonly #reach: ReachWatch
  readonly #consent: ConsentWatch
  /** messages 1 that each device sent before the turmoil; the first may have been repeated */
  readonly #first = new Map<DeviceNode, number>()

  constructor(house: House, contact: ContactModel, consent: ConsentWatch, fail: (what: string) => void) {
    this.#house = house
    this.#consent = consent
    this.#contact = contact
    this.#fail = fail
    this.#reach = new ReachWatch(contact, fail)
  }

  /** From now on. */
  start(): void {
    for (const device of this.#house.devices) this.#first.set(device, device.handshakes)
    this.#repeat(EVERY_S, () => this.#look())
    if (this.#house.scenario.every.consentS > 0) this.#repeat(LISTS_S, () => this.#consent.sample())
    if (!this.#house.scenario.isOneHandshake) return
    this.#repeat(SAMPLE_S, () => {
      for (const device of this.#house.devices) this.#reach.sample(device)
    })
  }

  #repeat(everyS: number, run: () => void): void {
    this.#house.later(everyS, () => {
      run()
      this.#repeat(everyS, run)
    })
  }

  /** At the end of the calm. */
  finish(): void {
    const { checker, persons, services } = this.#house
    checker.finish()
    for (const person of persons) {
      const running = person.devices.filter((one) => one.isRunning)
      const lists = new Set(running.map(({ machine }) => JSON.stringify(machine!.parts.list.current)))
      const versions = new Set(running.map(({ machine }) => machine!.parts.list.version))
      if (versions.size > 1) this.#fail(`devices of person ${person.number} hold lists ${[...versions].join(', ')}`)
      else if (lists.size > 1) this.#fail(`devices of person ${person.number} hold different lists ${[...versions]}`)
      for (const service of services) this.#judgePresence(person, service)
    }
    for (const device of persons.flatMap(({ devices }) => devices)) {
      this.#judgeSession(device)
      this.#judgePath(device)
    }
    if (this.#house.scenario.every.consentS > 0) {
      this.#consent.look()
      this.#consent.finish()
    }
    this.#house.hooks.finish()
    this.#judgeRest()
  }

  /**
   * While both ends keep their stores one handshake is enough for ever, whatever is lost, whoever dies, and whatever
   * other devices do; and key steps go on to the end. Who has no way at all for long, or meets a server that is down
   * three times in a row, gives the session up, as [R-9.2-3] wants.
   */
  #judgeSession(device: DeviceNode): void {
    if (!this.#house.scenario.isOneHandshake) return
    const again = device.handshakes - this.#first.get(device)!
    const isSettled = !this.#house.latecomers.includes(device) // of others the first one may be lost
    if (isSettled && again > 0 && !this.#reach.wasCutOff(device) && !device.wasUnheard)
      this.#fail(`${device.name} sent ${again} messages 1 though it had a session`)
    if (this.#house.scenario.steps === undefined) return
    const epoch = device.machine?.parts.channel.view.epoch
    if (epoch !== undefined && epoch < LEAST_STEPS) this.#fail(`${device.name} is in epoch ${epoch}`)
  }

  /** Where UDP passes they are back on it after a change of network; where it does not, WebSocket serves. */
  #judgePath({ name, isRunning, path, kind }: DeviceNode): void {
    if (!isRunning || kind === (path.udp === 'open' ? 'udp' : 'tcp')) return
    this.#fail(`${name} is on ${kind}, and UDP is ${path.udp}`)
  }

  #look(): void {
    const { server, checker, services, persons, queue, scenario } = this.#house
    if (scenario.isReachable === true) {
      const upMs = server.isUp ? this.#house.now().wallMs - server.bootedMs : 0
      for (const device of persons.flatMap(({ devices }) => devices)) this.#reach.look(device, upMs, queue.nowMs)
    }
    if (!server.isUp) return
    this.#contact.check(queue.nowMs)
    checker.checkOpen(this.#house.now().wallMs, server.bootedMs)
    for (const service of services) {
      service.readPresence()
      for (const person of persons) this.#lookAt(person, service)
    }
    this.#consent.look()
  }

  /** Nobody reads present of whom no device is in contact. */
  #lookAt(person: Person, service: AppService): void {
    const view = service.read.get(service.puids.get(person.number) ?? '')
    if (view === undefined) return
    if (person.devices.some(({ setting }) => this.#contact.isInContact(setting.handle))) return
    const upMs = this.#house.now().wallMs - this.#house.server.bootedMs
    const isFine = view.state === 'offline' || (view.state === 'unknown' && upMs <= UNKNOWN_MS + EVERY_S * 1000)
    if (!isFine) this.#fail(`person ${person.number} reads ${view.state} (${view.cause}) with no device in contact`)
  }

  #judgePresence(person: Person, service: AppService): void {
    const view = service.read.get(service.puids.get(person.number) ?? '')
    const device = person.devices.find((one) => one.isRunning)
    const isShown = device?.machine?.parts.list.isVisible(service.appId) ?? false
    const expected = isShown ? 'online' : 'offline'
    const upMs = this.#house.now().wallMs - this.#house.server.bootedMs
    // Who died before the restarted server had heard them is not known to be gone.
    if (device === undefined && view?.state === 'unknown' && upMs < UNKNOWN_MS) return
    // Whose device died before it kept the consent has no pseudonym.
    if (!isShown && !service.puids.has(person.number)) return
    if (view === undefined) this.#fail(`presence of person ${person.number} cannot be read`)
    else if (view.state !== expected) {
      this.#fail(`person ${person.number} reads ${view.state} (${view.cause}) for ${service.appId}, is ${expected}`)
    }
  }

  /**
   * What stands beside the records of sessions: nothing, once all is settled. But an ill-meaning peer may have promised
   * to be silent for long, or have asked for an answer in half an hour: of each kind one for each of them.
   */
  unrested(): string[] {
    const { server, devices, persons } = this.#house
    const peers = devices.filter((device) => !persons.some((person) => person.devices.includes(device)))
    return server.endpoints.flatMap((endpoint, worker) => {
      const metrics = endpoint.metrics()
      const allowed = peers.filter(({ setting }) => setting.port === worker).length
      const unrested = [
        ...BESIDE_RECORDS.filter((name) => metrics[name] > 0),
        ...OF_SESSIONS.filter((name) => metrics[name] > allowed),
      ]
      return unrested.map((name) => `worker ${worker}: ${name} is ${metrics[name]}`)
    })
  }

  /** A device at rest is its record and nothing else. */
  #judgeRest(): void {
    const { server } = this.#house
    const metrics = server.metrics() ?? {}
    for (const name of AT_REST) if (metrics[name] !== 0) this.#fail(`at rest, ${name} is ${metrics[name]}`)
    for (const what of this.unrested()) this.#fail(`at rest, ${what}`)
  }
}
