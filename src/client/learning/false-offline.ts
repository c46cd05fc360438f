/** How often a device that is there is taken for lost, by the loss of single datagrams. wire-spec §7.1, §9.2. */
import { classFor, graceMs, SILENCE_CLASS_TOLD, silenceSeconds } from '../../frame/silence.js'
import {
  ASK_RETRY_MS,
  ASK_ROUND_END_MS,
  ASK_ROUND_PAUSE_MS,
  ASK_ROUNDS,
  SILENCE_MAX_S,
} from '../../packet/constants.js'

const YEAR_S = 31_557_600

/** A class that promises at most this much more than is needed stands for it; above, the exact seconds are told. */
export const WASTE_MAX = 1 / 16

/** Asking packets of one round: the first and its repeats, 0, 1, 3 and 7 s after it. */
export const ATTEMPTS = 1 + ASK_RETRY_MS.length

/**
 * Every how many pings one asks, which the interval still allows: the promise, and so the time after which a device
 * that is gone reads as lost, is as many intervals long.
 *
 * @param wanted    1 or more; see `DeviceOptions.asksEvery`.
 * @param intervalS s.
 */
export function asksEveryAt(wanted: number, intervalS: number): number {
  return Math.max(1, Math.min(wanted, Math.floor(SILENCE_MAX_S / intervalS)))
}

/**
 * The silence that a ping promises at least, s: until the next asking ping is due, whose repeats then fall into the
 * grace; and two intervals if it does not ask. wire-spec §7.1-3, §7.1-4
 *
 * @param intervalS  s.
 * @param pingsToAsk pings until the next that asks: `asksEvery` for one that asks, 1 for the last that does not.
 * @param asks       whether this one asks.
 */
export function promiseS(intervalS: number, pingsToAsk: number, asks: boolean): number {
  const intervals = asks ? pingsToAsk : Math.max(2, pingsToAsk)
  return Math.min(Math.ceil(intervals * intervalS), SILENCE_MAX_S)
}

/** The promise as it is told: the class that covers it, or class 15 where that wastes more than 1/16. */
export function classOfPromise(seconds: number): number {
  const covering = classFor(seconds)
  return silenceSeconds(covering, seconds) > seconds * (1 + WASTE_MAX) ? SILENCE_CLASS_TOLD : covering
}

/**
 * The expected number of times a year that a device which is there all the time is taken for lost, when each datagram
 * is lost independently.
 *
 * Between two asking pings all depends on the last packet that was heard: if it is the k-th ping, then its promise and
 * grace must see one of the attempts of the next asking ping. Answers that are lost only add attempts: so the number is
 * at most this.
 *
 * @param loss      of one datagram to the server, 0..1.
 * @param intervalS keepalive interval, s.
 * @param asksEvery every how many pings one asks.
 * @param attempts  packets of one round.
 */
export function falseOfflinesPerDeviceYear(
  loss: number,
  intervalS: number,
  asksEvery: number,
  attempts: number = ATTEMPTS,
): number {
  const every = asksEveryAt(asksEvery, intervalS)
  let perCycle = 0
  for (let last = 0; last < every; last++) {
    const pingsToAsk = every - last
    const isHeard = last === 0 ? 1 : 1 - loss // an asking ping is repeated until it is heard
    const restLost = loss ** (every - 1 - last)
    const needed = promiseS(intervalS, pingsToAsk, last === 0)
    const waitS = silenceSeconds(classOfPromise(needed), needed) + graceMs(needed) / 1000
    perCycle += isHeard * restLost * loss ** attemptsWithin(waitS - pingsToAsk * intervalS, attempts)
  }
  return (perCycle * YEAR_S) / (every * intervalS)
}

/** Attempts within so many seconds after the first, of all rounds before the device gives the session up. */
function attemptsWithin(seconds: number, attempts: number): number {
  let atMs = 0
  let count = 0
  for (let round = 0; round < ASK_ROUNDS; round++) {
    for (let attempt = 0; attempt < attempts; attempt++) {
      if (atMs < seconds * 1000) count++
      atMs += ASK_RETRY_MS[attempt] ?? ASK_ROUND_END_MS
    }
    atMs += ASK_ROUND_PAUSE_MS
  }
  return count
}
