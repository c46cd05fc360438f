/**
 * Devices that all come back at once: each handshakes, with cookies, refusals and pauses as wire-spec §9.3 wants, but for
 * the first pause: there is none, so that the storm is of the worst kind.
 */
import type { Random } from '../../src/base/random.js'
import type { Now } from '../../src/base/time.js'
import { Handshake } from '../../src/client/handshake.js'
import type { Crypto } from '../../src/crypto/crypto.js'
import { keyPair } from '../../src/crypto/key-pair.js'
import { pingByte } from '../../src/frame/one-byte.js'
import { HANDSHAKE_RETRY_FACTOR, HANDSHAKE_RETRY_MAX_MS, Kind, RefusalCode } from '../../src/packet/constants.js'
import type { Exchanges } from './exchanges.js'
import type { Fleet } from './fleet.js'

/** Which devices. */
export interface StormPlan {
  from: number
  to: number
  /** gives up after this */
  seconds: number
  /** so many begin in a second; left out: all at once */
  perSecond?: number
}

/** What became of them. */
export interface StormCounts {
  devices: number
  /** handshakes whose first packet was answered: the session is committed */
  done: number
  /** messages 1 that went out, those with a cookie included */
  messages1: number
  cookies: number
  /** refusals, by code */
  refused: Record<string, number>
  /** attempts that were not answered within their pause */
  unanswered: number
  seconds: number
  /** from the begin to the time when half, 99 % and all were done, seconds; null: not reached */
  halfSeconds: number | null
  mostSeconds: number | null
  allSeconds: number | null
}

/** First pause after an attempt; it doubles. [R-9.3-1] */
const PAUSE_MS = 1000
/** A lane is given to the next device after this without an answer, ms; once message 2 came, after the other. */
const PATIENCE_MS = 1000
const COMMIT_MS = 4000
const TICK_MS = 5
const PING = pingByte('active', 14)

interface Attempt {
  device: number
  handshake: Handshake
  untilMs: number
  isBegun: boolean
}

/** Storms of one load process. */
export class Storm {
  readonly #parts: StormParts

  constructor(parts: StormParts) {
    this.#parts = parts
  }

  /** Lets devices handshake until all have done so, or the time is up. */
  async run(plan: StormPlan): Promise<StormCounts> {
    const { exchanges } = this.#parts
    const run = new StormRun(this.#parts, plan)
    exchanges.onHandshake = (lane, datagram) => run.take(lane, datagram)
    const unwatch = exchanges.watchFree((lane, device) => run.answered(lane, device))
    try {
      await new Promise<void>((resolve, reject) => {
        const timer = setInterval(() => {
          try {
            if (run.tick()) return
            clearInterval(timer)
            resolve()
          } catch (error) {
            clearInterval(timer)
            reject(error)
          }
        }, TICK_MS)
      })
    } finally {
      unwatch()
      exchanges.onHandshake = () => {}
    }
    return run.finish()
  }
}

/** What a storm works on. */
export interface StormParts {
  crypto: Crypto
  random: Random
  fleet: Fleet
  exchanges: Exchanges
  /** 32 B */
  serverKey: Uint8Array
}

/** One storm. A lane handshakes for one device at a time; the others of the lane wait for it or for their own pause. */
class StormRun {
  readonly #parts: StormParts
  readonly #plan: StormPlan
  readonly #attempts: (Attempt | null)[]
  /** when each device may try (again), ms */
  readonly #dueMs: Float64Array
  readonly #tries: Uint8Array
  readonly #startMs = performance.now()
  readonly #counts: StormCounts

  constructor(parts: StormParts, plan: StormPlan) {
    const devices = plan.to - plan.from
    this.#parts = parts
    this.#plan = plan
    this.#attempts = new Array<Attempt | null>(parts.exchanges.laneCount).fill(null)
    const { perSecond = Infinity } = plan
    this.#dueMs = Float64Array.from({ length: devices }, (_, nth) => this.#startMs + (nth * 1000) / perSecond)
    this.#tries = new Uint8Array(devices)
    this.#counts = {
      devices,
      done: 0,
      messages1: 0,
      cookies: 0,
      refused: {},
      unanswered: 0,
      seconds: 0,
      halfSeconds: null,
      mostSeconds: null,
      allSeconds: null,
    }
  }

  /** @returns whether it goes on. */
  tick(): boolean {
    const nowMs = performance.now()
    for (let lane = 0; lane < this.#attempts.length; lane++) {
      const attempt = this.#attempts[lane] ?? null
      if (attempt !== null && nowMs > attempt.untilMs) this.#giveUp(lane, attempt, nowMs)
      if (this.#attempts[lane] === null) this.#next(lane, nowMs)
    }
    return this.#counts.done < this.#counts.devices && nowMs < this.#startMs + this.#plan.seconds * 1000
  }

  /** A handshake packet came. */
  take(lane: number, datagram: Uint8Array): void {
    const attempt = this.#attempts[lane] ?? null
    if (attempt === null || attempt.isBegun) return
    const now = nowOf()
    if (datagram[0] === Kind.cookie) {
      if (attempt.handshake.handleCookie(datagram, now) !== null) return
      this.#counts.cookies++
      attempt.untilMs = now.monotonicMs + PATIENCE_MS
      this.#sendMessage1(attempt, now)
      return
    }
    const answer = attempt.handshake.handleMessage2(datagram, now)
    if (answer.kind === 'refused') {
      const { refused } = this.#counts
      refused[answer.code] = (refused[answer.code] ?? 0) + 1
      const pauseMs = answer.code === RefusalCode.busy ? answer.value * 1000 : PAUSE_MS
      this.#dueMs[attempt.device - this.#plan.from] = now.monotonicMs + pauseMs
      this.#attempts[lane] = null
    } else if (answer.kind === 'accepted') {
      attempt.isBegun = true
      attempt.untilMs = now.monotonicMs + COMMIT_MS
      const first = this.#parts.fleet.begin(attempt.device, answer.root, answer.cid, answer.token)
      this.#parts.exchanges.send(attempt.device, first, true)
    }
  }

  /** The first packet of a device was answered: its session is committed. */
  answered(lane: number, device: number): void {
    if (this.#attempts[lane]?.device !== device) return
    const counts = this.#counts
    counts.done++
    this.#attempts[lane] = null
    this.#dueMs[device - this.#plan.from] = Infinity
    const seconds = (performance.now() - this.#startMs) / 1000
    if (counts.done >= counts.devices / 2) counts.halfSeconds ??= seconds
    if (counts.done >= counts.devices * 0.99) counts.mostSeconds ??= seconds
    if (counts.done === counts.devices) counts.allSeconds = seconds
  }

  finish(): StormCounts {
    return { ...this.#counts, seconds: (performance.now() - this.#startMs) / 1000 }
  }

  /** The next device of the lane that is due begins an attempt. */
  #next(lane: number, nowMs: number): void {
    const { from, to } = this.#plan
    const lanes = this.#attempts.length
    const first = from + ((((lane - from) % lanes) + lanes) % lanes)
    for (let device = first; device < to; device += lanes) {
      if ((this.#dueMs[device - from] as number) > nowMs) continue
      const attempt = this.#attempt(device, nowMs)
      this.#attempts[lane] = attempt
      const now = nowOf()
      attempt.handshake.begin(true, now)
      this.#sendMessage1(attempt, now)
      return
    }
  }

  #attempt(device: number, nowMs: number): Attempt {
    const { crypto, random, fleet, serverKey } = this.#parts
    const { psk, secretKey } = fleet.identity(device)
    const pair = keyPair(crypto, secretKey)
    const handshake = new Handshake(crypto, random, pair, psk, { stampMs: 0, serverKeys: [serverKey] })
    return { device, handshake, untilMs: nowMs + PATIENCE_MS, isBegun: false }
  }

  #sendMessage1({ device, handshake }: Attempt, now: Now): void {
    if (!handshake.handleTimeout(now)) return
    const message = handshake.writeMessage1(PING, now)
    if (message === null) return
    this.#counts.messages1++
    this.#parts.exchanges.send(device, message, false)
  }

  #giveUp(lane: number, { device }: Attempt, nowMs: number): void {
    const nth = device - this.#plan.from
    const [high = 0] = this.#parts.random.fill(new Uint8Array(1))
    const doubled = Math.min(PAUSE_MS * 2 ** (this.#tries[nth] as number), HANDSHAKE_RETRY_MAX_MS)
    const [least, most] = HANDSHAKE_RETRY_FACTOR
    this.#dueMs[nth] = nowMs + Math.max(0, doubled * (least + ((most - least) * high) / 255) - PATIENCE_MS)
    this.#tries[nth] = Math.min(20, (this.#tries[nth] as number) + 1)
    this.#counts.unanswered++
    this.#attempts[lane] = null
    this.#parts.exchanges.release(lane)
  }
}

function nowOf(): Now {
  return { monotonicMs: performance.now(), wallMs: Date.now() }
}
