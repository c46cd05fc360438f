/** A phone behind a NAT: each of its sockets has a mapping of its own, which dies when nothing goes out for too long. */
import { SeededRandom } from '../../src/base/seeded-random.js'
import type { Now } from '../../src/base/time.js'
import { DeviceMachine } from '../../src/client/device-machine.js'
import type { Network } from '../../src/client/learning/network.js'
import type { ProbeStep } from '../../src/client/probing.js'
import { freshAddress, type Party, Phone, type World } from './world.js'

/** One socket behind the NAT. */
class NatSocket implements Party {
  readonly phone: NatPhone
  readonly receiveInside: (bytes: Uint8Array) => void
  address = freshAddress()
  lastOutMs = Number.NEGATIVE_INFINITY
  /** mappings that this socket had */
  mappings = 0

  constructor(phone: NatPhone, receiveInside: (bytes: Uint8Array) => void) {
    this.phone = phone
    this.receiveInside = receiveInside
  }

  send(bytes: Uint8Array): void {
    if (!this.#isAlive) {
      this.address = freshAddress()
      this.mappings++
    }
    this.lastOutMs = this.phone.world.now.monotonicMs
    this.phone.world.toServer(bytes, this.address)
  }

  receive(bytes: Uint8Array): void {
    if (this.#isAlive) this.receiveInside(bytes)
  }

  nextMs(): number {
    return Infinity
  }

  tick(): void {}

  get #isAlive(): boolean {
    return this.phone.world.now.monotonicMs - this.lastOutMs < this.phone.timerMs
  }
}

export class NatPhone implements Party {
  readonly world: World
  readonly phone: Phone
  /** Nobody sends here: the sockets have the addresses. */
  readonly address = new Uint8Array(18)
  machine: DeviceMachine
  main: NatSocket
  probe: NatSocket | null = null
  /** how long the NAT keeps a mapping after a packet from inside */
  timerMs: number
  readonly probes: Uint8Array[] = []
  readonly sentAtMs: number[] = []
  flash: Uint8Array | null = null
  /** the process stands still */
  sleeps = false

  constructor(world: World, timerS: number, network: Network | null = { id: 'home', kind: 'wifi' }) {
    this.world = world
    this.timerMs = timerS * 1000
    this.phone = new Phone(world)
    world.parties.pop() // its timers are ours
    this.main = this.#socket()
    this.machine = this.#start(network)
    world.parties.push(this)
    this.do((machine, now) => machine.start(now))
  }

  do(command: (machine: DeviceMachine, now: Now) => void): void {
    command(this.machine, this.world.now)
    this.drain()
  }

  /** The router starts anew: all mappings are gone. */
  dropMappings(): void {
    this.main.lastOutMs = Number.NEGATIVE_INFINITY
    if (this.probe !== null) this.probe.lastOutMs = Number.NEGATIVE_INFINITY
  }

  get intervalS(): number {
    return this.machine.keepalive(this.world.now).intervalS
  }

  receive(): void {}

  nextMs(): number {
    return this.sleeps ? Infinity : this.machine.nextTimeout()
  }

  tick(): void {
    if (this.nextMs() <= this.world.now.monotonicMs) this.do((machine, now) => machine.handleTimeout(now))
  }

  drain(): void {
    const { machine } = this
    for (let request = machine.pollSave(); request !== null; request = machine.pollSave()) {
      this.flash = request.bytes
      machine.handleSaved(request, this.world.now)
    }
    for (let bytes = machine.pollTransmit(); bytes !== null; bytes = machine.pollTransmit()) {
      this.sentAtMs.push(this.world.now.monotonicMs)
      this.main.send(bytes)
    }
    for (let step = machine.pollProbe(); step !== null; step = machine.pollProbe()) this.#take(step)
    while (machine.pollEvent() !== null);
  }

  #take(step: ProbeStep): void {
    if (step.kind === 'send') {
      this.probes.push(step.datagram)
      this.probe?.send(step.datagram)
      return
    }
    if (this.probe !== null) this.world.parties.splice(this.world.parties.indexOf(this.probe), 1)
    this.probe = null
    if (step.kind === 'close') return
    this.probe = new NatSocket(this, (bytes) => this.#wake((machine, now) => machine.handleProbeDatagram(bytes, now)))
    this.world.parties.push(this.probe)
  }

  #socket(): NatSocket {
    const socket = new NatSocket(this, (bytes) => this.#wake((machine, now) => machine.handleDatagram(bytes, now)))
    this.world.parties.push(socket)
    return socket
  }

  #wake(command: (machine: DeviceMachine, now: Now) => void): void {
    if (!this.sleeps) this.do(command)
  }

  #start(network: Network | null): DeviceMachine {
    const { crypto, seed, now } = this.world
    const random = new SeededRandom(`${seed} nat`)
    const options = { credentials: this.phone.credentials, stored: null, crypto, random, canProbe: true }
    const machine = new DeviceMachine(options, now)
    if (network !== null) machine.networkChanged(now, network)
    return machine
  }
}
