/**
 * The loop around the pure core: one input, one mutation, then everything that wants out is drained, then one timer is
 * armed. It waits for nobody: store replies come back by promise and are inputs as any other.
 */
import type { Now } from '../base/time.js'
import type {
  EndpointCommand,
  EndpointEvent,
  EndpointStoreReply,
  EndpointStoreRequest,
  HandOver,
  Transmit,
} from '../endpoint/message.js'
import type { HubReply, HubRequest, HubStoreReply, HubStoreRequest } from '../hub/message.js'

/** The doors of the endpoint that the loop uses. */
export interface EndpointDoors {
  handleDatagram(bytes: Uint8Array, remote: Uint8Array, now: Now): void
  /** false: the datagram cannot wait */
  postpone(bytes: Uint8Array, remote: Uint8Array): boolean
  /** whether more waits */
  handlePostponed(now: Now): boolean
  handlePathClosed(remote: Uint8Array): void
  handleCommand(command: EndpointCommand, now: Now): void
  handleStored(reply: EndpointStoreReply, now: Now): void
  handleHandOver(handOver: HandOver, now: Now): void
  handleTimeout(now: Now): void
  /** monotonic ms, Infinity for none */
  nextTimeout(): number
  pollTransmit(): Transmit | null
  pollEvent(): EndpointEvent | null
  pollStore(): EndpointStoreRequest | null
  /** 18 B */
  pollClose(): Uint8Array | null
  pollHandOver(): HandOver | null
  /** a part of devices that something waits for */
  pollWanted(): number | null
}

/** The doors of the hub that the loop uses. */
export interface HubDoors {
  handleEvent(event: EndpointEvent, now: Now): void
  handleRequest(request: HubRequest, now: Now): void
  handleStored(reply: HubStoreReply, now: Now): void
  handleTimeout(now: Now): void
  /** monotonic ms, Infinity for none */
  nextTimeout(): number
  pollCommand(): EndpointCommand | null
  pollReply(): HubReply | null
  pollStore(): HubStoreRequest | null
  /** a part of devices that something waits for */
  pollWanted(): number | null
}

/** What the loop runs and where it puts what comes out. */
export interface DriverParts {
  endpoint: EndpointDoors
  hub: HubDoors
  store: {
    endpoint(request: EndpointStoreRequest): Promise<EndpointStoreReply | null>
    hub(request: HubStoreRequest): Promise<HubStoreReply | null>
  }
  now: () => Now
  /** both arguments are borrowed */
  send(bytes: Uint8Array, remote: Uint8Array): void
  /** closes a connection; `remote` is its address */
  close(remote: Uint8Array): void
  /** gives a message 1 to the endpoint that serves its device */
  handOver(handOver: HandOver): void
  reply(reply: HubReply): void
  /** a part of devices is to be loaded before others */
  want(part: number): void
  /** datagrams of one turn of the event loop after which more may wait; default `FULL_TURN` */
  fullTurn?: number
  /** a store request failed; the loop goes on */
  onStoreError(kind: string, error: unknown): void
}

/** Things moved in one go before the event loop may read sockets again. */
const SLICE = 512
/**
 * Datagrams that libuv reads from a socket in one turn of the event loop, at most (`uv__udp_recvmsg`): after so many there
 * may be more, and fewer are all that there were.
 */
const FULL_TURN = 32
/** Handshakes that were put aside and are taken up in a turn that was not full: a ping may wait for so many. Not tuned yet. */
const POSTPONED_AT_A_TIME = 8
/** Where all turns are full, every so many of them one handshake: a flood of packets shuts nobody out for good. */
const FULL_TURNS = 32
/** setTimeout's limit is 2^31 - 1 ms. */
const TIMER_MAX_MS = 2_000_000_000

/**
 * The loop. Every public method is one input. Datagrams of one turn of the event loop are drained together, as a busy
 * socket hands over many in a turn; what any other input brings goes out at once, with what was left. Handshakes wait
 * until a turn brought fewer datagrams than it may.
 */
export class Driver {
  readonly #parts: DriverParts
  readonly #pending = new Set<Promise<void>>()
  #timer: NodeJS.Timeout | null = null
  #timerAtMs = Number.POSITIVE_INFINITY
  #immediate: NodeJS.Immediate | null = null
  /** after datagrams of a turn, while a handshake waits */
  #turn: NodeJS.Immediate | null = null
  #inTurn = 0
  #fullTurns = 0
  #stopped = false
  #draining = false

  constructor(parts: DriverParts) {
    this.#parts = parts
  }

  datagram(bytes: Uint8Array, remote: Uint8Array): void {
    if (this.#stopped) return
    this.#inTurn++
    const { endpoint, now } = this.#parts
    if (endpoint.postpone(bytes, remote)) this.#turn ??= setImmediate(() => this.#endTurn())
    else {
      endpoint.handleDatagram(bytes, remote, now())
      this.#drainSoon()
    }
  }

  /** A connection closed; `remote` is its address, borrowed. */
  pathClosed(remote: Uint8Array): void {
    this.#input(() => this.#parts.endpoint.handlePathClosed(remote))
  }

  request(request: HubRequest): void {
    this.#input((now) => this.#parts.hub.handleRequest(request, now))
  }

  command(command: EndpointCommand): void {
    this.#input((now) => this.#parts.endpoint.handleCommand(command, now))
  }

  /** A reply of the store that came another way than by the promise of its request. */
  stored(reply: EndpointStoreReply): void {
    this.#input((now) => this.#parts.endpoint.handleStored(reply, now))
  }

  /** A message 1 that another endpoint polled. */
  handOver(handOver: HandOver): void {
    this.#input((now) => this.#parts.endpoint.handleHandOver(handOver, now))
  }

  /** Moves what waits in the core already. */
  start(): void {
    this.#input(() => {})
  }

  /** A part of what the core knows is there: `load` hands it in. */
  load(load: (now: Now) => void): void {
    this.#input(load)
  }

  /** Takes no more inputs; settles when the store has answered all that was asked. */
  async stop(): Promise<void> {
    while (this.#immediate !== null) {
      this.#clearImmediate()
      this.#drain()
    }
    this.#stopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    if (this.#turn !== null) clearImmediate(this.#turn)
    while (this.#pending.size > 0) await Promise.all(this.#pending)
  }

  /** Handshakes are work for when the sockets were read to their end: packets of known devices come first. */
  #endTurn(): void {
    const isFull = this.#inTurn >= (this.#parts.fullTurn ?? FULL_TURN)
    this.#inTurn = 0
    this.#fullTurns = isFull ? this.#fullTurns + 1 : 0
    let left = isFull ? 0 : POSTPONED_AT_A_TIME
    if (isFull && this.#fullTurns % FULL_TURNS === 0) left = 1
    this.#turn = setImmediate(() => this.#endTurn())
    this.#input((now) => {
      let waits = true
      while (waits && left-- > 0) waits = this.#parts.endpoint.handlePostponed(now)
      if (waits || this.#turn === null) return
      clearImmediate(this.#turn)
      this.#turn = null
    })
  }

  #input(mutate: (now: Now) => void): void {
    if (this.#stopped) return
    mutate(this.#parts.now())
    if (!this.#draining) this.#drain()
  }

  /** Moves at most SLICE things; what is left goes on after the sockets were read. */
  #drain(): void {
    this.#draining = true
    let left = SLICE
    for (let moved = true; moved && left > 0; ) {
      moved = false
      for (const move of this.#moves) {
        while (left > 0 && move()) {
          moved = true
          left--
        }
      }
    }
    this.#draining = false
    if (left === 0) this.#drainSoon()
    else this.#clearImmediate()
    this.#arm()
  }

  #drainSoon(): void {
    this.#immediate ??= setImmediate(() => {
      this.#immediate = null
      this.#drain()
    })
  }

  #clearImmediate(): void {
    if (this.#immediate !== null) clearImmediate(this.#immediate)
    this.#immediate = null
  }

  /** In this order: datagrams first, since the peer waits; each says whether it moved something. */
  readonly #moves: readonly (() => boolean)[] = [
    () => this.#moveTransmit(),
    () => this.#moveClose(),
    () => this.#moveHandOver(),
    () => this.#moveEvent(),
    () => this.#moveCommand(),
    () => this.#moveEndpointStore(),
    () => this.#moveHubStore(),
    () => this.#moveReply(),
    () => this.#moveWanted(),
  ]

  #moveTransmit(): boolean {
    const transmit = this.#parts.endpoint.pollTransmit()
    if (transmit === null) return false
    this.#parts.send(transmit.bytes, transmit.remote)
    return true
  }

  #moveClose(): boolean {
    const remote = this.#parts.endpoint.pollClose()
    if (remote === null) return false
    this.#parts.close(remote)
    return true
  }

  #moveHandOver(): boolean {
    const handOver = this.#parts.endpoint.pollHandOver()
    if (handOver === null) return false
    this.#parts.handOver(handOver)
    return true
  }

  #moveEvent(): boolean {
    const event = this.#parts.endpoint.pollEvent()
    if (event === null) return false
    this.#parts.hub.handleEvent(event, this.#parts.now())
    return true
  }

  #moveCommand(): boolean {
    const command = this.#parts.hub.pollCommand()
    if (command === null) return false
    this.#parts.endpoint.handleCommand(command, this.#parts.now())
    return true
  }

  #moveReply(): boolean {
    const reply = this.#parts.hub.pollReply()
    if (reply === null) return false
    this.#parts.reply(reply)
    return true
  }

  #moveWanted(): boolean {
    const part = this.#parts.endpoint.pollWanted() ?? this.#parts.hub.pollWanted()
    if (part === null) return false
    this.#parts.want(part)
    return true
  }

  #moveEndpointStore(): boolean {
    const request = this.#parts.endpoint.pollStore()
    if (request === null) return false
    this.#ask(
      request.kind,
      () => this.#parts.store.endpoint(request),
      (reply) => this.#input((now) => this.#parts.endpoint.handleStored(reply, now)),
      request.kind === 'commit-session' ? { kind: 'committed', request: request.request, ok: false } : null,
    )
    return true
  }

  #moveHubStore(): boolean {
    const request = this.#parts.hub.pollStore()
    if (request === null) return false
    this.#ask(
      request.kind,
      () => this.#parts.store.hub(request),
      (reply) => this.#input((now) => this.#parts.hub.handleStored(reply, now)),
      refused(request),
    )
    return true
  }

  /** A request that fails is told to who asked as "not stored"; a look-up that fails stays unanswered, and the peer retries. */
  #ask<Reply>(
    kind: string,
    ask: () => Promise<Reply | null>,
    take: (reply: Reply) => void,
    failed: Reply | null,
  ): void {
    const settled = ask()
      .catch((error: unknown) => {
        this.#parts.onStoreError(kind, error)
        return failed
      })
      .then((reply) => {
        this.#pending.delete(settled)
        if (reply !== null) take(reply)
      })
    this.#pending.add(settled)
  }

  /** One timer for the earliest of both; one that is armed too early is left to fire for nothing. */
  #arm(): void {
    const { endpoint, hub, now } = this.#parts
    const atMs = Math.min(endpoint.nextTimeout(), hub.nextTimeout())
    if (atMs >= this.#timerAtMs || atMs === Number.POSITIVE_INFINITY) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timerAtMs = atMs
    const delayMs = Math.min(Math.max(0, atMs - now().monotonicMs), TIMER_MAX_MS)
    this.#timer = setTimeout(() => this.#expire(), delayMs)
  }

  #expire(): void {
    this.#timer = null
    this.#timerAtMs = Number.POSITIVE_INFINITY
    this.#input((now) => {
      const { endpoint, hub } = this.#parts
      if (endpoint.nextTimeout() <= now.monotonicMs) endpoint.handleTimeout(now)
      if (hub.nextTimeout() <= now.monotonicMs) hub.handleTimeout(now)
    })
  }
}

/** What the hub hears of a request that failed: it was not stored. Null: nothing. */
function refused(request: HubStoreRequest): HubStoreReply | null {
  if (request.kind === 'get-papers') return { kind: 'papers', request: request.request, papers: null }
  const isPut = request.kind === 'put-list' || request.kind === 'put-ring' || request.kind === 'put-grant'
  return isPut ? { kind: 'stored', request: request.request, ok: false, version: 0 } : null
}
