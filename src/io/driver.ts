/**
 * The loop around the pure core: one input, one mutation, then what wants out is drained, then one timer is armed. It waits
 * for nobody: store replies come back by promise and are inputs as any other. Datagrams come first: libuv reads a few in a
 * turn of the event loop, so whatever else a turn does is bounded in time.
 */
import { Queue } from '../base/queue.js'
import type { Now } from '../base/time.js'
import type { EndpointCommand, EndpointStoreReply, HandOver } from '../endpoint/message.js'
import type { HubRequest, HubStoreReply, HubStoreRequest } from '../hub/message.js'
import type { DriverParts } from './driver-parts.js'

/** What a turn of the event loop may do beside its datagrams and their answers, ms; at least one thing. */
const SLICE_MS = 3
/** The same in a turn after which more datagrams wait: half of what 32 pings with a pong take here (docs/performance.md). */
const FULL_SLICE_MS = 0.5
/**
 * While a slice is too short for what datagrams brought, each has this share more than the one before: what waits in the core
 * is bounded only if no more is read than can be handled.
 */
const GROWTH = 1 / 8
/** Datagrams sent in a turn before its slice begins: pongs to all that a turn can read, and as many again. */
const TRANSMITS_FIRST = 64
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
 * The loop. Every public method is one input. Datagrams are handled as they come and drained together at the end of their
 * turn. What else comes is handled at once while the turn has time for it; beyond, requests and replies of the store wait in
 * line, a slice of them each turn. Handshakes wait until a turn brought fewer datagrams than it may.
 */
export class Driver {
  readonly #parts: DriverParts
  readonly #clockMs: () => number
  readonly #pending = new Set<Promise<void>>()
  /** what finishes work that was begun, before what begins more */
  readonly #replies = new Queue<(now: Now) => void>()
  readonly #requests = new Queue<(now: Now) => void>()
  #timer: NodeJS.Timeout | null = null
  #timerAtMs = Number.POSITIVE_INFINITY
  /** at the end of a turn that did something, and of each while something is left to do */
  #turn: NodeJS.Immediate | null = null
  #inTurn = 0
  #fullTurns = 0
  /** of the slice */
  #leftMs = SLICE_MS
  /** turns in a row whose slice was too short for what datagrams brought */
  #lateTurns = 0
  #handshakesWait = false
  #stopped = false
  #draining = false

  constructor(parts: DriverParts) {
    this.#parts = parts
    this.#clockMs = parts.clockMs ?? (() => performance.now())
  }

  datagram(bytes: Uint8Array, remote: Uint8Array): void {
    if (this.#stopped) return
    this.#inTurn++
    const { endpoint, now } = this.#parts
    if (endpoint.postpone(bytes, remote)) this.#handshakesWait = true
    else endpoint.handleDatagram(bytes, remote, now())
    this.#endTurnSoon()
  }

  /** A connection closed; `remote` is its address, borrowed. */
  pathClosed(remote: Uint8Array): void {
    this.#input(() => this.#parts.endpoint.handlePathClosed(remote))
  }

  /** What applications and pages ask waits in line; what the server was told to do does not. */
  request(request: HubRequest): void {
    const input = (now: Now) => this.#parts.hub.handleRequest(request, now)
    if ('request' in request || 'stream' in request) this.#inLine(this.#requests, input)
    else this.#input(input)
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
    do this.#drain(Number.POSITIVE_INFINITY)
    while (this.#handleNext())
    this.#stopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    if (this.#turn !== null) clearImmediate(this.#turn)
    while (this.#pending.size > 0) await Promise.all(this.#pending)
  }

  /** After the sockets were read: answers first, then a slice of what else there is. */
  #endTurn(): void {
    this.#turn = null
    const isFull = this.#inTurn >= (this.#parts.fullTurn ?? FULL_TURN)
    this.#inTurn = 0
    this.#fullTurns = isFull ? this.#fullTurns + 1 : 0
    for (let nth = 0; nth < TRANSMITS_FIRST && this.#moveTransmit(); nth++) {}
    let handshakes = isFull ? 0 : POSTPONED_AT_A_TIME
    if (isFull && this.#fullTurns % FULL_TURNS === 0) handshakes = 1
    this.#leftMs = (isFull ? FULL_SLICE_MS : SLICE_MS) * (1 + this.#lateTurns * GROWTH)
    this.#inSlice((untilMs) => {
      this.#lateTurns = this.#drain(untilMs) ? 0 : this.#lateTurns + 1
      do {
        const isMore = this.#handleNext()
        if (this.#handshakesWait && handshakes-- > 0) {
          this.#handshakesWait = this.#parts.endpoint.handlePostponed(this.#parts.now())
        } else if (!isMore) break
        this.#drain(untilMs)
      } while (this.#clockMs() < untilMs)
    })
    this.#leftMs = Math.min(this.#leftMs, SLICE_MS)
    if (this.#handshakesWait || this.#replies.length + this.#requests.length > 0) this.#endTurnSoon()
  }

  #endTurnSoon(): void {
    this.#turn ??= setImmediate(() => this.#endTurn())
  }

  /** Does something that counts against the time of this turn. */
  #inSlice(act: (untilMs: number) => void): void {
    const startMs = this.#clockMs()
    act(startMs + this.#leftMs)
    this.#leftMs -= this.#clockMs() - startMs
  }

  /** Handled at once, and drained as far as there is time. */
  #input(mutate: (now: Now) => void): void {
    if (this.#stopped) return
    this.#inSlice((untilMs) => {
      mutate(this.#parts.now())
      if (!this.#draining) this.#drain(untilMs)
    })
    this.#endTurnSoon()
  }

  /** Handled at once if nothing waits and there is time, else in its turn. */
  #inLine(line: Queue<(now: Now) => void>, mutate: (now: Now) => void): void {
    if (this.#stopped) return
    const isFirst = this.#replies.length + this.#requests.length === 0
    if (isFirst && this.#leftMs > 0) this.#input(mutate)
    else {
      line.push(mutate)
      this.#endTurnSoon()
    }
  }

  /** The first that waits in line. @returns whether there was one. */
  #handleNext(): boolean {
    const mutate = this.#replies.shift() ?? this.#requests.shift()
    mutate?.(this.#parts.now())
    return mutate !== null
  }

  /** Moves things until nothing is left, or until that moment. @returns whether it came to the end. */
  #drain(untilMs: number): boolean {
    this.#draining = true
    let isLate = this.#clockMs() >= untilMs
    for (let moved = true; moved && !isLate; ) {
      moved = false
      for (const move of this.#moves) {
        while (!isLate && move()) {
          moved = true
          isLate = this.#clockMs() >= untilMs
        }
      }
    }
    this.#draining = false
    if (isLate) this.#endTurnSoon()
    this.#arm()
    return !isLate
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
      (reply) => this.#inLine(this.#replies, (now) => this.#parts.endpoint.handleStored(reply, now)),
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
      (reply) => this.#inLine(this.#replies, (now) => this.#parts.hub.handleStored(reply, now)),
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
