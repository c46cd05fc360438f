/** A simulated phone: the real device machine, a store that may be lost back to an older state, a path through a NAT. */
import type { SeededRandom } from '../base/seeded-random.js'
import type { Now } from '../base/time.js'
import type { Credentials } from '../client/credentials.js'
import { DeviceMachine } from '../client/device-machine.js'
import type { DeviceEvent } from '../client/event.js'
import type { StepPeriods } from '../client/ratchet.js'
import type { Crypto } from '../crypto/crypto.js'
import type { EventQueue } from './event-queue.js'
import { DevicePath, type LinkConditions, type Network } from './network.js'

/** Virtual ms that a save to the phone's flash takes at most. */
const SAVE_MS_MAX = 20

export interface DeviceSetting {
  name: string
  credentials: Credentials
  crypto: Crypto
  random: SeededRandom
  network: Network
  /** the server's port that it talks to */
  port: number
  link: LinkConditions
  now: () => Now
  keepaliveS: number
  /** null: those of wire-spec */
  steps: StepPeriods | null
  onEvent: (device: DeviceNode, event: DeviceEvent) => void
}

export class DeviceNode {
  readonly name: string
  readonly path: DevicePath
  readonly #setting: DeviceSetting
  readonly #queue: EventQueue
  /** what is on its flash */
  #stored: Uint8Array | null = null
  #machine: DeviceMachine | null = null
  /** grows with each start, so that timers and saves of a killed process do nothing */
  #life = 0
  #timerMs = Number.POSITIVE_INFINITY
  handshakes = 0

  constructor(setting: DeviceSetting) {
    this.name = setting.name
    this.#setting = setting
    this.#queue = setting.network.queue
    this.path = new DevicePath(setting.network, setting.port, setting.link, (bytes) => {
      this.#with((machine, now) => machine.handleDatagram(bytes, now))
    })
  }

  get isRunning(): boolean {
    return this.#machine !== null
  }

  /** What is on its flash now; give it to `restoreFlash` later to model an old copy. */
  get flash(): Uint8Array | null {
    return this.#stored
  }

  restoreFlash(stored: Uint8Array | null): void {
    this.#stored = stored
  }

  /** Starts the process on what is stored. */
  start(): void {
    const { credentials, crypto, random, keepaliveS, steps, now } = this.#setting
    this.#life++
    this.#timerMs = Number.POSITIVE_INFINITY
    const processRandom = random.fork(`life-${this.#life}`)
    const options = {
      credentials,
      stored: this.#stored,
      crypto,
      random: processRandom,
      keepaliveS,
      ...(steps && { steps }),
    }
    this.#machine = new DeviceMachine(options, now())
    this.#with((machine, at) => machine.start(at))
  }

  /** The process is gone at once; nothing is said. */
  kill(): void {
    this.#machine = null
    this.#life++
  }

  /** Runs a command and whatever follows from it. */
  do(command: (machine: DeviceMachine, now: Now) => void): void {
    this.#with(command)
  }

  /** The machine, to look at. */
  get machine(): DeviceMachine | null {
    return this.#machine
  }

  #with(command: (machine: DeviceMachine, now: Now) => void): void {
    const machine = this.#machine
    if (machine === null) return
    command(machine, this.#setting.now())
    this.#drain(machine)
  }

  #drain(machine: DeviceMachine): void {
    for (let save = machine.pollSave(); save !== null; save = machine.pollSave()) {
      const { bytes } = save
      const request = save
      const life = this.#life
      const doneMs = this.#queue.nowMs + this.#setting.random.uniform() * SAVE_MS_MAX
      this.#queue.at(doneMs, () => {
        if (life !== this.#life) return
        this.#stored = bytes
        this.#with((running, now) => running.handleSaved(request, now))
      })
    }
    for (let bytes = machine.pollTransmit(); bytes !== null; bytes = machine.pollTransmit()) {
      if (bytes[0] === 1 || bytes[0] === 2) this.handshakes++
      this.path.send(bytes)
    }
    for (let event = machine.pollEvent(); event !== null; event = machine.pollEvent()) {
      this.#setting.onEvent(this, event)
    }
    if (this.#machine === machine) this.#arm(machine)
  }

  #arm(machine: DeviceMachine): void {
    const atMs = machine.nextTimeout()
    if (atMs === Number.POSITIVE_INFINITY || atMs >= this.#timerMs) return
    const life = this.#life
    this.#timerMs = atMs
    this.#queue.at(atMs, () => {
      if (life !== this.#life || this.#timerMs !== atMs) return
      this.#timerMs = Number.POSITIVE_INFINITY
      this.#with((running, now) => running.handleTimeout(now))
    })
  }
}
