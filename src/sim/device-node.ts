/** A simulated phone: the real device machine, a store that may be lost back to an older state, a path through a NAT. */
import type { SeededRandom } from '../base/seeded-random.js'
import type { Now } from '../base/time.js'
import { ASK_LOST_MS } from '../client/asking.js'
import type { Credentials } from '../client/credentials.js'
import { DeviceMachine } from '../client/device-machine.js'
import type { DeviceEvent } from '../client/event.js'
import type { PathWish } from '../client/path-choice.js'
import type { StepPeriods } from '../client/ratchet.js'
import type { PathKind } from '../client/transport.js'
import type { Crypto } from '../crypto/crypto.js'
import type { DeviceHandle } from '../endpoint/message.js'
import { DeviceClock } from './device-clock.js'
import { type DeviceRadio, deviceRadio } from './device-radio.js'
import type { EventQueue } from './event-queue.js'
import { DevicePath, type LinkConditions, type Network } from './network.js'

/** Virtual ms that a save to the phone's flash takes at most. */
const SAVE_MS_MAX = 20
/** Datagrams that the kernel keeps for a process that does not read. */
const SOCKET_QUEUE_MAX = 32

export interface DeviceSetting {
  name: string
  handle: DeviceHandle
  credentials: Credentials
  crypto: Crypto
  random: SeededRandom
  network: Network
  /** the server's port that it talks to */
  port: number
  link: LinkConditions
  now: () => Now
  keepaliveS: number
  /** while datagrams go by WebSocket; null: it has none */
  tcpKeepaliveS: number | null
  /** null: those of wire-spec */
  steps: StepPeriods | null
  onEvent: (device: DeviceNode, event: DeviceEvent) => void
}

/** What a phone does to a process in the background. */
export interface Suspension {
  seconds: number
  /** the monotonic clock stands still meanwhile */
  standsStill: boolean
  /** datagrams that come meanwhile are lost; else they wait in the socket */
  closesSocket: boolean
  /** the host says so, before and after */
  tellsHost: boolean
}

export class DeviceNode {
  readonly name: string
  readonly path: DevicePath
  readonly clock: DeviceClock
  readonly setting: DeviceSetting
  readonly #queue: EventQueue
  /** what is on its flash */
  #stored: Uint8Array | null = null
  #machine: DeviceMachine | null = null
  /** grows with each start, so that timers and saves of a killed process do nothing */
  #life = 0
  #timerMs = Number.POSITIVE_INFINITY
  #suspended: { closesSocket: boolean; tellsHost: boolean; waiting: (() => void)[] } | null = null
  #radio: DeviceRadio | null = null
  /** which path the machine wished for last */
  #wish: PathWish | null = null
  handshakes = 0
  /** since when something that asks is unanswered, virtual ms; null: nothing is */
  unansweredSinceMs: number | null = null
  /** It gave its session up when nothing that it sent in a whole silence had come to a server that ran. [R-9.2-3] */
  wasUnheard = false
  #arrivedBefore = 0
  /** when the process last went on after a suspension, virtual ms */
  resumedMs = 0
  /** The process dies at its save of this number from now on, before or after it is durable; null: it does not. */
  killAtSave: { saves: number; isAfter: boolean } | null = null

  constructor(setting: DeviceSetting) {
    this.name = setting.name
    this.setting = setting
    this.#queue = setting.network.queue
    this.clock = new DeviceClock(setting.now)
    this.path = new DevicePath(setting.network, setting.port, setting.link, (bytes) => this.#receive(bytes))
  }

  get isRunning(): boolean {
    return this.#machine !== null
  }

  get isSuspended(): boolean {
    return this.#suspended !== null
  }

  /** What its datagrams go by. */
  get kind(): PathKind {
    return this.#radio?.transport.kind ?? 'udp'
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
    const { credentials, crypto, random, keepaliveS, tcpKeepaliveS, steps } = this.setting
    this.#life++
    this.#timerMs = Number.POSITIVE_INFINITY
    this.#suspended = null
    const processRandom = random.fork(`life-${this.#life}`)
    const options = {
      credentials,
      stored: this.#stored,
      crypto,
      random: processRandom,
      keepaliveS,
      ...(steps && { steps }),
      ...(tcpKeepaliveS && { tcpKeepaliveS }),
    }
    const machine = new DeviceMachine(options, this.clock.now())
    this.#machine = machine
    this.#wish = null
    this.#radio = this.#startRadio(machine, processRandom)
    machine.usePath(this.kind, this.clock.now())
    this.do((machine, at) => machine.start(at))
  }

  /** The process is gone at once; nothing is said. */
  kill(): void {
    this.#machine = null
    this.#radio = null
    this.unansweredSinceMs = null
    this.#suspended = null
    this.#life++
    for (const socket of [...this.path.sockets]) socket.close()
  }

  /** The host tells of another network: as `Device` of the client does it. @param network null: there is none. */
  networkChanged(network?: null): void {
    this.do((machine, now) => {
      this.#rebind(machine, 'network')
      machine.networkChanged(now, network)
    })
  }

  /** Runs a command and whatever follows from it; a suspended process does nothing. */
  do(command: (machine: DeviceMachine, now: Now) => void): void {
    const machine = this.#machine
    if (machine === null || this.#suspended !== null) return
    command(machine, this.clock.now())
    this.#drain(machine)
  }

  /** The process is not run for a while: its timers come late, all at once. */
  suspend({ seconds, standsStill, closesSocket, tellsHost }: Suspension): void {
    if (this.#machine === null || this.#suspended !== null) return
    const life = this.#life
    if (tellsHost) this.do((machine) => machine.suspended())
    const suspended = { closesSocket, tellsHost, waiting: [] }
    this.#suspended = suspended
    if (closesSocket) for (const socket of this.path.sockets) socket.connection.closeDevice()
    this.#queue.at(this.#queue.nowMs + seconds * 1000, () => {
      if (standsStill) this.clock.stood(seconds * 1000)
      if (life === this.#life && this.#suspended === suspended) this.#resume(suspended)
    })
  }

  /** The machine, to look at. */
  get machine(): DeviceMachine | null {
    return this.#machine
  }

  /** Puts a state on the flash. */
  protected store(bytes: Uint8Array): void {
    this.#stored = bytes
  }

  /** Hands an event of the machine on. */
  protected tell(event: DeviceEvent): void {
    this.setting.onEvent(this, event)
  }

  #resume({
    closesSocket,
    tellsHost,
    waiting,
  }: {
    closesSocket: boolean
    tellsHost: boolean
    waiting: (() => void)[]
  }): void {
    this.#suspended = null
    this.#timerMs = Number.POSITIVE_INFINITY
    this.resumedMs = this.#queue.nowMs
    if (closesSocket) for (const socket of [...this.path.sockets]) socket.breaks()
    this.do((machine, now) => {
      if (closesSocket) this.#rebind(machine, 'silence')
      if (tellsHost) machine.resumed(closesSocket, now)
      else machine.handleTimeout(now)
    })
    for (const run of waiting) run()
  }

  #receive(bytes: Uint8Array): void {
    const suspended = this.#suspended
    const handle = () => this.#radio?.udp.receive(bytes)
    if (suspended === null) handle()
    else if (!suspended.closesSocket && suspended.waiting.length < SOCKET_QUEUE_MAX) suspended.waiting.push(handle)
  }

  /** The driver's part: what comes by either transport goes to the machine. As `DeviceDriver`, whose saves are promises. */
  #startRadio(machine: DeviceMachine, random: SeededRandom): DeviceRadio {
    const { port, tcpKeepaliveS } = this.setting
    const host = {
      now: () => this.clock.now(),
      setTimer: (ms: number, run: () => void) => this.#timer(ms, run),
      random,
    }
    const radio = deviceRadio(this.path, port, host, tcpKeepaliveS !== null, this.#inLife())
    const { transport } = radio
    transport.listen({
      onDatagram: (bytes) =>
        this.do((_, now) => {
          machine.usePath(transport.kind, now)
          machine.handleDatagram(bytes, now)
        }),
      onWay: () => this.do((_, now) => machine.retry(now)),
      onMoved: () => this.do((_, now) => machine.pathMoved(transport.kind, now)),
      onBroken: () => this.do((_, now) => machine.pathBroken(now)),
    })
    return radio
  }

  /** Runs steps while this process lives; those that come while it is suspended wait. */
  #inLife(): (step: () => void) => void {
    const life = this.#life
    return (step) => {
      if (life !== this.#life) return
      if (this.#suspended === null) step()
      else this.#suspended.waiting.push(step)
    }
  }

  /** A timer of this process, by its own monotonic clock. */
  #timer(ms: number, run: () => void): () => void {
    const inLife = this.#inLife()
    const dueMs = this.clock.now().monotonicMs + ms
    let isDone = false
    const fire = (): void => {
      if (isDone) return
      if (this.clock.now().monotonicMs < dueMs) {
        this.#queue.at(this.clock.trueMs(dueMs), () => inLife(fire))
        return
      }
      isDone = true
      run()
    }
    this.#queue.at(this.clock.trueMs(dueMs), () => inLife(fire))
    return () => {
      isDone = true
    }
  }

  /** Before anything goes out, as `DeviceDriver`. */
  #tellWish({ pathWish }: DeviceMachine): void {
    if (pathWish === this.#wish) return
    this.#wish = pathWish
    this.#radio?.transport.prefer?.(pathWish.kind, pathWish.isUdpBlocked)
  }

  #rebind(machine: DeviceMachine, why: 'network' | 'silence'): void {
    this.#radio?.transport.rebind(why)
    machine.usePath(this.kind, this.clock.now())
  }

  #drain(machine: DeviceMachine): void {
    for (let save = machine.pollSave(); save !== null; save = machine.pollSave()) {
      const request = save
      const life = this.#life
      const doneMs = this.#queue.nowMs + this.setting.random.uniform() * SAVE_MS_MAX
      this.#queue.at(doneMs, () => {
        if (life === this.#life) this.#saved(request.bytes, () => machine.handleSaved(request, this.clock.now()))
      })
    }
    for (let bytes = machine.pollTransmit(); bytes !== null; bytes = machine.pollTransmit()) {
      this.#tellWish(machine)
      if (bytes[0] === 1 || bytes[0] === 2) this.#noteHandshake()
      this.#radio?.transport.send(bytes)
    }
    for (let event = machine.pollEvent(); event !== null; event = machine.pollEvent()) {
      if (event.kind === 'contact-lost') this.#rebind(machine, 'silence')
      this.tell(event)
    }
    if (this.#machine !== machine) return
    this.#arm(machine)
    const { channel, asking } = machine.parts
    if (!channel.hasSession || !asking.isUnanswered) this.unansweredSinceMs = null
    else if (this.unansweredSinceMs === null) {
      this.unansweredSinceMs = this.#queue.nowMs
      this.#arrivedBefore = this.path.arrived
    }
  }

  #noteHandshake(): void {
    this.handshakes++
    const { arrived, sockets } = this.path
    const silentMs = this.#queue.nowMs - (this.unansweredSinceMs ?? this.#queue.nowMs)
    const isUnheard = arrived === this.#arrivedBefore && sockets.size === 0
    if (silentMs >= ASK_LOST_MS && isUnheard) this.wasUnheard = true
  }

  /** A save is done, unless the process dies there. */
  #saved(bytes: Uint8Array, goOn: () => void): void {
    const dies = this.killAtSave !== null && --this.killAtSave.saves < 0
    if (!dies || this.killAtSave?.isAfter === true) this.store(bytes)
    if (dies) {
      this.killAtSave = null
      this.tell({ kind: 'stopped', confirmed: false })
      return
    }
    if (this.#suspended !== null) this.#suspended.waiting.unshift(() => this.do(goOn))
    else this.do(goOn)
  }

  #arm(machine: DeviceMachine): void {
    const atMs = this.clock.trueMs(machine.nextTimeout())
    if (atMs === Number.POSITIVE_INFINITY || atMs >= this.#timerMs) return
    const life = this.#life
    this.#timerMs = atMs
    this.#queue.at(atMs, () => {
      if (life !== this.#life || this.#timerMs !== atMs) return
      this.#timerMs = Number.POSITIVE_INFINITY
      this.do((running, now) => running.handleTimeout(now))
    })
  }
}
