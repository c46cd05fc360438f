/** Drives a machine: its datagrams through a transport, its saves through a storage, its timer through a host. */
import type { Now } from '../base/time.js'
import { TrafficCounter } from './counters.js'
import { DeviceError } from './device-error.js'
import type { DeviceMachine } from './device-machine.js'
import type { DeviceEvent } from './event.js'
import type { Host } from './host.js'
import type { AddressFamily } from './learning/network.js'
import type { PathWish } from './path-choice.js'
import type { ProbeStep } from './probing.js'
import type { SaveRequest } from './save-gate.js'
import type { Storage } from './storage.js'
import type { ProbeSocket, Transport } from './transport.js'

/** A save that failed is tried again after this, ms; it doubles to the longest. */
const SAVE_RETRY_FIRST_MS = 1000
const SAVE_RETRY_LONGEST_MS = 60_000

/** Longest timer, ms: Node and browsers take 31 bits. */
const TIMER_MAX_MS = 2 ** 31 - 1

/** Told of everything that the machine tells, and of failing saves. */
export interface DriverListener {
  onEvent(event: DeviceEvent): void
  onError(error: DeviceError): void
}

export class DeviceDriver {
  readonly machine: DeviceMachine
  readonly sent = new TrafficCounter('d2s')
  readonly received = new TrafficCounter('s2d')
  readonly #host: Host
  readonly #storage: Storage
  readonly #transport: Transport
  readonly #listener: DriverListener
  #wish: PathWish | null = null
  #isDraining = false
  #isOpen = true
  #cancelTimer: (() => void) | null = null
  #saving: Promise<void> | null = null
  #saveRetryMs = SAVE_RETRY_FIRST_MS
  #probe: ProbeSocket | null = null
  #family: AddressFamily | null = null

  constructor(machine: DeviceMachine, host: Host, storage: Storage, transport: Transport, listener: DriverListener) {
    this.machine = machine
    this.#host = host
    this.#storage = storage
    this.#transport = transport
    this.#listener = listener
    transport.listen({
      onDatagram: (datagram) => {
        this.received.count(datagram)
        this.run((running, now) => {
          running.usePath(transport.kind, now) // it may have come by the path that was tried
          this.#noteFamily(running, now)
          running.handleDatagram(datagram, now)
        })
      },
      onWay: () => this.run((running, now) => running.retry(now)),
      onBroken: () => this.run((running, now) => running.pathBroken(now)),
      onMoved: () => this.run((running, now) => running.pathMoved(transport.kind, now)),
    })
    machine.usePath(transport.kind, host.now())
  }

  /** Runs a command, then sends, saves and tells what it caused. */
  run<Result>(command: (machine: DeviceMachine, now: Now) => Result): Result {
    const result = command(this.machine, this.#host.now())
    this.#drain()
    return result
  }

  /** Waits for the save that is on its way, then ends transport and timer. */
  async close(): Promise<void> {
    while (this.#saving !== null) await this.#saving
    this.#isOpen = false
    this.#cancelTimer?.()
    this.#probe?.close()
    this.#transport.close()
  }

  /** A listener may run a command from within: the outer loop takes what that caused. */
  #drain(): void {
    if (this.#isDraining || !this.#isOpen) return
    this.#isDraining = true
    for (let isBusy = true; isBusy; ) {
      isBusy = false
      const request = this.machine.pollSave()
      if (request !== null) {
        isBusy = true
        this.#saving = this.#save(request)
      }
      this.#tellWish()
      for (let datagram = this.machine.pollTransmit(); datagram !== null; datagram = this.machine.pollTransmit()) {
        this.sent.count(datagram)
        this.#transport.send(datagram)
      }
      for (let step = this.machine.pollProbe(); step !== null; step = this.machine.pollProbe()) this.#takeStep(step)
      for (let event = this.machine.pollEvent(); event !== null; event = this.machine.pollEvent()) {
        isBusy = true
        this.#tell(event)
      }
    }
    this.#isDraining = false
    this.#arm()
  }

  /** Before anything goes out: on another network it may go the other way. */
  #tellWish(): void {
    const wish = this.machine.pathWish
    if (wish === this.#wish) return
    this.#wish = wish
    this.#transport.prefer?.(wish.kind, wish.isUdpBlocked)
  }

  #takeStep(step: ProbeStep): void {
    if (step.kind === 'send') {
      this.sent.count(step.datagram)
      this.#probe?.send(step.datagram)
      return
    }
    this.#probe?.close()
    this.#probe = null
    if (step.kind === 'close') return
    const opened = this.#transport.openProbe?.((datagram) => {
      if (this.#probe !== opened) return
      this.received.count(datagram)
      this.run((machine, now) => machine.handleProbeDatagram(datagram, now))
    })
    this.#probe = opened ?? null
  }

  /** The transport knows which address answers only once it did. */
  #noteFamily(machine: DeviceMachine, now: Now): void {
    const family = this.#transport.family ?? null
    if (family === null || family === this.#family) return
    this.#family = family
    machine.useFamily(family, now)
  }

  /** What a listener throws is the host's, outside of our loop. */
  #tell(event: DeviceEvent): void {
    try {
      this.#listener.onEvent(event)
    } catch (error) {
      this.#host.setTimer(0, () => {
        throw error
      })
    }
  }

  async #save(request: SaveRequest): Promise<void> {
    try {
      await this.#storage.save(request.bytes)
    } catch (error) {
      this.#saving = null
      this.#listener.onError(new DeviceError('PL_STORAGE', error instanceof Error ? error.message : 'unknown error'))
      this.#host.setTimer(this.#saveRetryMs, () => {
        this.run((machine) => machine.handleSaveFailed(request))
      })
      this.#saveRetryMs = Math.min(this.#saveRetryMs * 2, SAVE_RETRY_LONGEST_MS)
      return
    }
    this.#saving = null
    this.#saveRetryMs = SAVE_RETRY_FIRST_MS
    this.run((machine, now) => machine.handleSaved(request, now))
  }

  #arm(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = null
    const dueMs = this.machine.nextTimeout()
    if (!this.#isOpen || dueMs === Infinity) return
    const waitMs = Math.max(0, Math.ceil(dueMs - this.#host.now().monotonicMs))
    this.#cancelTimer = this.#host.setTimer(Math.min(waitMs, TIMER_MAX_MS), () => {
      this.run((machine, now) => machine.handleTimeout(now))
    })
  }
}
