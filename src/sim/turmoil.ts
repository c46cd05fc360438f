/** What happens to a world while it is in turmoil, at the rates of its scenario. */
import type { SeededRandom } from '../base/seeded-random.js'
import type { AppService } from './app-service.js'
import { Copies } from './copies.js'
import type { DeviceNode } from './device-node.js'
import type { House, Person } from './house.js'

/** A device is off for so long at most, s. */
const OFF_MAX_S = 300
/** Timers come up to an hour late, s. */
const SUSPEND_MAX_S = 3600

export class Turmoil {
  readonly #house: House
  readonly #random: SeededRandom
  readonly #copies: Copies
  readonly #untilMs: number

  /** Begins. @param untilMs virtual time at which nothing more happens. */
  constructor(house: House, untilMs: number) {
    this.#house = house
    this.#random = house.random
    this.#copies = new Copies(house)
    this.#untilMs = untilMs
    for (const device of house.devices) this.#disturb(device)
    this.#disturbServer()
    const { every } = house.scenario
    for (const person of house.persons) {
      this.#often(every.listEditS, () => this.#editList(person))
      this.#often(every.revokeS, () => this.#revoke(person))
    }
    for (const device of house.latecomers) this.#enrol(device)
    for (const service of house.services) {
      this.#often(every.ringS, () => service.ring())
      this.#often(every.ringS * 5, () => service.withdraw())
      this.#often(every.consentS, () => this.#agree(service))
    }
    for (const hook of house.hooks.endpoints) this.#often(every.hookTroubleS, () => hook.trouble())
    this.#often(every.hostileS, () => house.hostile.act(house.devices, house.now()))
    this.#often(every.floodS, () => house.hostile.flood(house.scenario.workers, house.now()))
    this.#often(every.siegeS, () => house.hostile.siege(house.scenario.workers, () => house.now()))
    for (const peer of house.peers) this.#often(every.peerS, () => peer.act())
    for (const peer of house.peers) this.#often(every.siegeS * 2, () => peer.siege())
    if (house.scenario.storm) this.#storm()
  }

  /** The server is gone for half a minute, twice; then everybody comes, from another network, the second time unknown. */
  #storm(): void {
    const { server, devices, startServer, later } = this.#house
    for (const [atS, losesSessions] of [
      [10, false],
      [100, true],
    ] as const) {
      later(atS, () => server.crash())
      later(atS + 30, () => {
        for (const row of server.disk.devices.values()) if (losesSessions) row.session = null
        startServer()
        for (const device of devices) this.#changeNetwork(device)
      })
    }
  }

  #disturb(device: DeviceNode): void {
    const { every } = this.#house.scenario
    this.#often(every.stateS, () => this.#changeState(device))
    this.#often(every.rebindS, () => device.path.rebind())
    this.#often(every.networkChangeS, () => this.#changeNetwork(device))
    this.#often(every.darkS, () => this.#goDark(device, 120, false))
    this.#often(every.airplaneS, () => this.#goDark(device, 300, true))
    this.#often(every.blockedS, () => {
      this.#changeNetwork(device)
      this.#goDark(device, 300, true)
    })
    this.#often(every.udpLimitS, () => this.#limitUdp(device))
    this.#often(every.captiveS, () => this.#signIn(device))
    this.#often(every.tcpTroubleS, () => this.#troubleTcp(device))
    this.#often(every.appKillS, () => this.#switchOff(device, 20))
    this.#often(every.offS, () => this.#switchOff(device, OFF_MAX_S))
    this.#often(every.saveKillS, () => {
      device.killAtSave = { saves: this.#random.int(4), isAfter: this.#random.uniform() < 0.5 }
    })
    this.#often(every.suspendS, () => this.#suspend(device))
    this.#often(every.clockSetS, () => this.#setClock(device))
    this.#often(every.oldFlashS, () => this.#copies.restoreFlash(device))
    this.#often(every.cloneS, () => this.#copies.clone(device))
  }

  #disturbServer(): void {
    const { scenario, server } = this.#house
    const { every } = scenario
    this.#often(every.serverCrashS, () => this.#takeDown(() => server.crash()))
    this.#often(every.serverStopS, () => this.#takeDown(() => server.stop()))
    this.#often(every.commitCrashS, () => {
      server.crashAtCommit = { commits: this.#random.int(12), isAfter: this.#random.uniform() < 0.5 }
    })
    this.#often(every.hookCrashS, () => {
      server.crashAtWebhook = this.#random.int(6)
    })
    this.#often(every.hookBreakS, () => {
      this.#house.hooks.watch.interrupted()
      server.withWebhooks((webhooks) => webhooks.interrupt())
    })
    this.#often(every.oldDiskS, () => this.#copies.restoreDisk())
    this.#often(every.serverCopyS, () => this.#copies.runBeside())
  }

  #changeState(device: DeviceNode): void {
    const state = this.#random.uniform() < 0.5 ? 'active' : 'idle'
    device.do((machine, now) => machine.setState(state, now))
  }

  #changeNetwork(device: DeviceNode): void {
    device.path.join()
    device.networkChanged()
  }

  #goDark(device: DeviceNode, secondsMax: number, isKnown: boolean): void {
    device.path.dark = true
    if (isKnown && this.#random.uniform() < 0.5) device.networkChanged(null)
    this.#house.later(1 + this.#random.int(secondsMax), () => {
      device.path.dark = false
      if (isKnown) this.#changeNetwork(device)
    })
  }

  /** The device comes there, or the network changes its mind unseen; in the end it is the other way about. */
  #limitUdp(device: DeviceNode): void {
    const { path } = device
    const rules = ['blocked', 'small', 'outbound'] as const
    const comes = this.#random.uniform() < 0.5
    if (comes) path.join()
    path.udp = rules[this.#random.int(rules.length)]!
    path.udpBytesMax = 100 + this.#random.int(1000)
    if (comes) device.networkChanged()
    this.#house.later(1 + this.#random.int(300), () => {
      if (this.#random.uniform() < 0.5) path.udp = 'open'
      else this.#changeNetwork(device)
    })
  }

  /** The portal lets nothing out; then it does, and the host may tell. */
  #signIn(device: DeviceNode): void {
    const { path } = device
    path.join()
    path.isCaptive = true
    device.networkChanged()
    this.#house.later(1 + this.#random.int(200), () => {
      path.isCaptive = false
      if (this.#random.uniform() < 0.5) device.networkChanged()
    })
  }

  #troubleTcp({ path }: DeviceNode): void {
    const kind = this.#random.int(4)
    if (kind === 0) for (const { connection } of [...path.sockets]) connection.reset()
    else if (kind === 1) for (const { connection } of path.sockets) connection.vanish()
    else {
      path.tcp = kind === 2 ? 'refused' : 'hole'
      this.#house.later(1 + this.#random.int(60), () => {
        path.tcp = 'open'
      })
    }
  }

  #switchOff(device: DeviceNode, secondsMax: number): void {
    if (!device.isRunning) return
    const { killDevice, startDevice, later } = this.#house
    killDevice(device)
    later(0.1 + this.#random.int(secondsMax), () => startDevice(device))
  }

  /** Its first start, at any time. */
  #enrol(device: DeviceNode): void {
    this.#house.later(this.#random.int((this.#untilMs - this.#house.queue.nowMs) / 1000), () =>
      this.#house.startDevice(device),
    )
  }

  /** In a browser. */
  #agree(service: AppService): void {
    const { number } = this.#house.persons[this.#random.int(this.#house.persons.length)]!
    this.#house.agreed(number, service.appId)
    service.consent(number)
  }

  /** On one of the devices, whether it has contact or not. */
  #revoke({ devices }: Person): void {
    const device = devices[this.#random.int(devices.length)]!
    const { services } = this.#house
    const { appId } = services[this.#random.int(services.length)]!
    const tells = this.#random.uniform() < 0.5
    device.do((machine, now) => {
      if (tells) machine.revoke(appId, now)
      else machine.forget(appId, now)
    })
  }

  /** Most sleeps are short, a few are long. */
  #suspend(device: DeviceNode): void {
    const seconds = 1 + SUSPEND_MAX_S * this.#random.uniform() ** 6
    device.suspend({
      seconds,
      standsStill: this.#random.uniform() < 0.5,
      closesSocket: this.#random.uniform() < 0.5,
      tellsHost: this.#random.uniform() < 0.5,
    })
    if (this.#random.uniform() < 0.3) this.#house.later(seconds + 0.1, () => this.#changeNetwork(device))
  }

  /** By seconds or by days, forth or back. Not in a sleep: then nobody can tell the sleep from the setting. */
  #setClock(device: DeviceNode): void {
    if (device.isSuspended) return
    const seconds = 10 ** (5 * this.#random.uniform())
    device.clock.setWall(Math.trunc(this.#random.uniform() < 0.5 ? seconds * 1000 : seconds * -1000))
    device.do((machine, now) => machine.handleTimeout(now))
  }

  #editList(person: Person): void {
    const device = person.devices[this.#random.int(person.devices.length)]!
    const { services } = this.#house
    const { appId } = services[this.#random.int(services.length)]!
    const denies = this.#random.uniform() < 0.4
    if (!denies) this.#house.agreed(person.number, appId)
    device.do((machine, now) => {
      if (denies) machine.deny(appId, now)
      else machine.allow(appId, {}, now)
    })
  }

  #takeDown(how: () => void): void {
    const { server, startServer, later } = this.#house
    if (!server.isUp) return
    how()
    later(0.5 + this.#random.int(10), () => {
      if (!server.isUp) startServer()
    })
  }

  /** Runs `run` again and again, `meanS` apart on average. */
  #often(meanS: number, run: () => void): void {
    if (meanS <= 0) return
    const { queue } = this.#house
    const next = (): void => {
      const atMs = queue.nowMs - Math.log(1 - this.#random.uniform()) * meanS * 1000
      if (atMs >= this.#untilMs) return
      queue.at(atMs, () => {
        run()
        next()
      })
    }
    next()
  }
}
