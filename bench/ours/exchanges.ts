/** Devices on lanes: who speaks when, what came back, what is lost. One exchange at a time on a lane. */
import { datagramKind } from '../../src/packet/header.js'
import { type Fleet, Stage } from './fleet.js'
import type { Lane } from './lanes.js'

/** An answer that did not come within this is lost, ms. */
const LOST_MS = 1000
/** Lost answers are looked for so often, ms; a paced run sends at most so late. */
const TICK_MS = 1
const SWEEP_MS = 50
/** Devices of a lane that were heard last: a datagram that is not for the one that speaks is tried on them. */
const RECENT = 4
/** Devices whose lane is taken are passed over, at most so many at a time. */
const PASS_OVER = 64
/** Repeats of a first packet before a device is given up. */
const OPEN_TRIES = 8

/** What a run of pings is to be. */
export interface RunPlan {
  /** devices `from` to `to` - 1 take turns; all if left out */
  from?: number
  to?: number
  /** ends the run, whichever comes first */
  seconds?: number
  pings?: number
  /** every so many pings of a device ask for a pong; default 1 */
  askEvery?: number
  /** pings a second; null or left out: closed loop */
  perSecond?: number | null
  /** closed loop: exchanges under way at a time; default 64. Paced: no more than there are lanes. */
  outstanding?: number
}

/** What a run was. */
export interface RunCounts {
  sent: number
  /** pings that asked for a pong */
  asked: number
  answered: number
  /** no answer within a second */
  lost: number
  /** paced: pings that were due and found every lane taken, or the process too late by more than 100 ms */
  skipped: number
  seconds: number
  /** round trip of answered pings by powers of two of 10 us: the last bucket is all above */
  roundTrips: number[]
}

/** What settling sessions took. */
export interface SettleCounts {
  devices: number
  ready: number
  failed: number
  /** datagrams that asked for an answer, repeats included */
  sent: number
  seconds: number
}

/** Round trips are counted by powers of two of this, us. */
const ROUND_TRIP_MICROS = 10
const ROUND_TRIP_BUCKETS = 20
/** A paced run that is later than this gives up what it owes, ms. */
const LATE_MS = 100

/** The devices of a load process and their lanes; device `d` always speaks from lane `d` modulo their number. */
export class Exchanges {
  readonly #fleet: Fleet
  readonly #every: number
  #lanes: readonly Lane[] = []
  /** device that speaks, -1 none; since when, ms; and the last ones that did */
  #current = new Int32Array(0)
  #sinceMs = new Float64Array(0)
  #recent = new Int32Array(0)
  #onFree: (lane: number, device: number, isAnswered: boolean) => void = () => {}
  /** told of datagrams that are no channel packets */
  onHandshake: (lane: number, datagram: Uint8Array) => void = () => {}
  /** all devices of a lane are tried for datagrams that fit nobody else: rings come unasked */
  isWatchful = true

  /** @param every one device in so many speaks, from 0 on, whatever range is asked for. */
  constructor(fleet: Fleet, every = 1) {
    this.#fleet = fleet
    this.#every = every
  }

  /** The lanes are open. */
  use(lanes: readonly Lane[]): void {
    this.#lanes = lanes
    this.#current = new Int32Array(lanes.length).fill(-1)
    this.#sinceMs = new Float64Array(lanes.length)
    this.#recent = new Int32Array(lanes.length * RECENT).fill(-1)
  }

  get laneCount(): number {
    return this.#lanes.length
  }

  laneOf(device: number): number {
    return device % this.#lanes.length
  }

  /** Sends a datagram of a device. @param asks whether its lane is taken until an answer comes. */
  send(device: number, datagram: Uint8Array, asks: boolean): void {
    const lane = this.laneOf(device)
    if (asks && this.#current[lane] !== device) {
      this.#current[lane] = device
      this.#sinceMs[lane] = performance.now()
    }
    this.#lanes[lane]?.send(datagram)
  }

  /** A datagram came on a lane. */
  take(lane: number, datagram: Uint8Array): void {
    const kind = datagramKind(datagram, 's2d')
    if (kind !== 'channel') {
      this.onHandshake(lane, datagram)
      return
    }
    const current = this.#current[lane] as number
    if (current >= 0 && this.#takeAs(lane, current, datagram)) return
    for (let nth = 0; nth < RECENT; nth++) {
      const device = this.#recent[lane * RECENT + nth] as number
      if (device >= 0 && device !== current && this.#takeAs(lane, device, datagram)) return
    }
    if (this.isWatchful) {
      for (let device = lane; device < this.#fleet.devices; device += this.#lanes.length) {
        if (this.#fleet.stage(device) !== Stage.fresh && this.#takeAs(lane, device, datagram)) return
      }
    }
    this.#fleet.counts.strange++
  }

  /** Settles the sessions of devices: first ping, challenge, STATE, visibility, each answered. */
  async settle(from: number, to: number, outstanding: number): Promise<SettleCounts> {
    const startMs = performance.now()
    const every = this.#every
    const first = Math.ceil(from / every) * every
    const devices = Math.max(0, Math.ceil((to - first) / every))
    const counts: SettleCounts = { devices, ready: 0, failed: 0, sent: 0, seconds: 0 }
    const tries = new Uint8Array(devices)
    const again: number[] = []
    let next = first
    let underWay = 0
    const begin = (): boolean => {
      for (let passed = 0; passed < PASS_OVER; passed++) {
        const isNew = again.length === 0
        const device = isNew ? next : (again.shift() as number)
        if (isNew && next >= to) return false
        if (isNew) next += every
        if (this.#fleet.stage(device) === Stage.ready) {
          counts.ready++
          continue
        }
        if (this.#isTaken(device)) {
          again.push(device)
          continue
        }
        const nth = (device - first) / every
        const attempt = tries[nth] as number
        if (attempt >= OPEN_TRIES || this.#fleet.stage(device) === Stage.ended) {
          counts.failed++
          continue
        }
        tries[nth] = attempt + 1
        counts.sent++
        underWay++
        this.send(device, this.#fleet.ping(device, true, attempt > 0), true)
        return true
      }
      return false
    }
    await this.#loop({
      onFree: (_lane, device) => {
        underWay--
        if (this.#fleet.stage(device) === Stage.ready) counts.ready++
        else again.push(device)
      },
      isFreeAt: (device) => this.#fleet.stage(device) === Stage.ready,
      step: () => {
        while (underWay < Math.min(outstanding, this.#lanes.length) && begin());
        return counts.ready + counts.failed < devices
      },
    })
    counts.seconds = (performance.now() - startMs) / 1000
    return counts
  }

  /** Pings of settled devices, in a fixed order that goes over all of them. */
  async run(plan: RunPlan): Promise<RunCounts> {
    const { from = 0, to = this.#fleet.devices, seconds = Infinity, pings = Infinity, askEvery = 1 } = plan
    const { perSecond = null, outstanding = perSecond === null ? 64 : Infinity } = plan
    const counts: RunCounts = {
      sent: 0,
      asked: 0,
      answered: 0,
      lost: 0,
      skipped: 0,
      seconds: 0,
      roundTrips: new Array<number>(ROUND_TRIP_BUCKETS).fill(0),
    }
    const first = Math.ceil(from / this.#every) * this.#every
    const order = new Order(first, to, this.#every)
    const startMs = performance.now()
    const limit = Math.min(outstanding, this.#lanes.length)
    let underWay = 0
    const one = (): boolean => {
      for (let passed = 0; passed < PASS_OVER; passed++) {
        const device = order.next()
        if (this.#isTaken(device)) continue
        const ask = (device + order.round) % askEvery === 0
        const datagram = this.#fleet.ping(device, ask)
        counts.sent++
        if (ask) {
          counts.asked++
          underWay++
        }
        this.send(device, datagram, ask)
        return true
      }
      return false
    }
    const endMs = startMs + seconds * 1000
    const isOver = () => counts.sent >= pings || performance.now() >= endMs
    await this.#loop({
      onFree: (lane, _device, isAnswered) => {
        underWay--
        if (isAnswered) counts.answered++
        else counts.lost++
        if (isAnswered) counts.roundTrips[bucketOf(performance.now() - (this.#sinceMs[lane] as number))]!++
      },
      isFreeAt: null,
      step: () => {
        if (isOver()) return underWay > 0
        if (perSecond === null) {
          let burst = limit * askEvery
          while (underWay < limit && counts.sent < pings && burst-- > 0 && one());
          return true
        }
        const due = Math.floor(((performance.now() - startMs) / 1000) * perSecond)
        const late = due - counts.sent - counts.skipped - Math.ceil((LATE_MS / 1000) * perSecond)
        if (late > 0) counts.skipped += late
        while (counts.sent + counts.skipped < due && counts.sent < pings)
          if (underWay >= limit || !one()) counts.skipped++
        return true
      },
      isPaced: perSecond !== null,
    })
    counts.seconds = (Math.min(performance.now(), endMs) - startMs) / 1000
    return counts
  }

  /** Outside `settle` and `run`: tells of every lane that an answer frees. @returns ends that. */
  watchFree(onFree: (lane: number, device: number) => void): () => void {
    this.#isFreeAt = null
    this.#onFree = onFree
    return () => {
      this.#onFree = () => {}
    }
  }

  /** Gives up the exchange of a lane. */
  release(lane: number): void {
    this.#current[lane] = -1
  }

  #isTaken(device: number): boolean {
    return (this.#current[this.laneOf(device)] as number) >= 0
  }

  /**
   * Steps until `step` says that it is over: after each datagram that frees a lane, and every tick.
   *
   * @param isFreeAt when a lane is free again, by its device; null: with the answer.
   */
  #loop(parts: {
    onFree: (lane: number, device: number, isAnswered: boolean) => void
    isFreeAt: ((device: number) => boolean) | null
    step: () => boolean
    isPaced?: boolean
  }): Promise<void> {
    return new Promise((resolve, reject) => {
      let sweptMs = performance.now()
      let isOver = false
      const step = () => {
        if (isOver) return
        try {
          if (parts.step()) return
        } catch (error) {
          isOver = true
          clearInterval(timer)
          reject(error)
          return
        }
        isOver = true
        clearInterval(timer)
        this.#onFree = () => {}
        resolve()
      }
      this.#isFreeAt = parts.isFreeAt
      this.#onFree = (lane, device, isAnswered) => {
        parts.onFree(lane, device, isAnswered)
        if (parts.isPaced !== true) step()
      }
      const timer = setInterval(() => {
        const nowMs = performance.now()
        if (nowMs - sweptMs >= SWEEP_MS) {
          sweptMs = nowMs
          this.#sweep(nowMs)
        }
        step()
      }, TICK_MS)
      step()
    })
  }

  #isFreeAt: ((device: number) => boolean) | null = null

  #sweep(nowMs: number): void {
    for (let lane = 0; lane < this.#current.length; lane++) {
      const device = this.#current[lane] as number
      if (device >= 0 && nowMs - (this.#sinceMs[lane] as number) > LOST_MS) this.#free(lane, device, false)
    }
  }

  #free(lane: number, device: number, isAnswered: boolean): void {
    this.#current[lane] = -1
    const at = lane * RECENT
    this.#recent.copyWithin(at + 1, at, at + RECENT - 1)
    this.#recent[at] = device
    this.#onFree(lane, device, isAnswered)
  }

  #takeAs(lane: number, device: number, datagram: Uint8Array): boolean {
    const taken = this.#fleet.take(device, datagram)
    if (taken === null) return false
    if (taken.reply !== null) this.#lanes[lane]?.send(taken.reply)
    const isFree = this.#isFreeAt === null ? taken.isAnswer : this.#isFreeAt(device)
    if (isFree && device === this.#current[lane]) this.#free(lane, device, true)
    return true
  }
}

/** Goes over every so many numbers of a range again and again, neighbours far apart, so that lanes take turns. */
class Order {
  readonly #from: number
  readonly #every: number
  readonly #count: number
  readonly #stride: number
  #at = 0
  #taken = 0

  constructor(from: number, to: number, every: number) {
    const count = Math.ceil((to - from) / every)
    this.#from = from
    this.#every = every
    this.#count = count
    let stride = Math.max(1, Math.floor(count * 0.618))
    while (gcd(stride, count) !== 1) stride++
    this.#stride = stride
  }

  /** How often all were taken. */
  get round(): number {
    return Math.floor(this.#taken / this.#count)
  }

  next(): number {
    const number = this.#from + this.#at * this.#every
    this.#at = (this.#at + this.#stride) % this.#count
    this.#taken++
    return number
  }
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b)
}

function bucketOf(ms: number): number {
  const bucket = Math.floor(Math.log2(Math.max(1, (ms * 1000) / ROUND_TRIP_MICROS)))
  return Math.min(ROUND_TRIP_BUCKETS - 1, bucket)
}
