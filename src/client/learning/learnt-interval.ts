/** What is known about how long mappings live on one network, and which question is worth asking next. */
import { MARGIN } from './margin.js'

/** RFC 8085 §3.5: no keepalive more often than this, s. */
export const INTERVAL_MIN_S = 15
/** The longest silence that a server allows, and so the longest delay of a probe, s. wire-spec §9.4-4 */
export const SILENCE_LIMIT_S = 1800

/** Where nothing is known, s: most UDP mappings live so long (RFC 9000 §10.1.2), and TCP ones at least 255 s (Wang, SIGCOMM 2011). */
export const START_S = { udp: 30, tcp: 300 } as const

/** What was seen is asked again after this, ms: operators change their NATs. */
export const LEARNT_TTL_MS = 7 * 86_400_000

/** Growth while no bound is known. */
const GROWTH = 2
/** The search ends when the bound is no further above what is safe. */
const RESOLUTION = 1.08
/** A value is too long when so many probes in a row failed at it: one may have been lost. wire-spec §9.4-8 */
const FAILURES = 2
/** A suspicion halves the interval at most so often. */
const SUSPICIONS_MAX = 3
/** The shortest value that is worth a probe, s: the least whole one that allows the least interval. */
const PROBE_MIN_S = Math.ceil(INTERVAL_MIN_S / (1 - MARGIN))

/** Times are Unix ms, all else is seconds. */
export interface LearntInterval {
  /** longest silence that a mapping was seen to survive; 0 none */
  safeS: number
  safeAtMs: number
  /** shortest silence that is believed to be too long; 0 none */
  boundS: number
  boundAtMs: number
  /** in place of `safeS` while that is 0: the start, what others learnt, or half of what failed */
  assumedS: number
  /** how often the live mapping died before its time since the last proof */
  suspicions: number
  suspectedAtMs: number
  /** probes in a row that failed at `failedS` */
  failures: number
  failedS: number
}

export function newLearntInterval(startS: number): LearntInterval {
  return {
    safeS: 0,
    safeAtMs: 0,
    boundS: 0,
    boundAtMs: 0,
    assumedS: startS,
    suspicions: 0,
    suspectedAtMs: 0,
    failures: 0,
    failedS: 0,
  }
}

/** The interval to use: below what is safe by the margin, halved for each suspicion. */
export function usedIntervalS(learnt: LearntInterval, nowMs: number): number {
  return intervalFor(baseS(learnt) / 2 ** suspicionsOf(learnt, nowMs))
}

/** The interval that a safe value allows, s. */
export function intervalFor(safeS: number): number {
  return Math.min(Math.max(safeS * (1 - MARGIN), INTERVAL_MIN_S), SILENCE_LIMIT_S)
}

/**
 * The silence to try next, s, whole; null: nothing is left to ask until something gets old.
 *
 * First what is in doubt: a suspected value, a safe value or a bound that is old. Then growth by `GROWTH` until there
 * is a bound, then the geometric middle.
 */
export function nextProbeS(learnt: LearntInterval, nowMs: number): number | null {
  const { safeS, boundS, boundAtMs } = learnt
  const base = baseS(learnt)
  const whole = (seconds: number): number => Math.min(Math.round(seconds), SILENCE_LIMIT_S)
  if (suspicionsOf(learnt, nowMs) > 0) return whole(base)
  if (safeS > 0 && isOld(learnt.safeAtMs, nowMs)) return whole(safeS)
  if (boundS === 0) return safeS >= SILENCE_LIMIT_S ? null : whole(base * GROWTH)
  if (boundS <= base) return isOld(boundAtMs, nowMs) ? whole(base) : null // even the least failed
  if (isOld(boundAtMs, nowMs)) return whole(boundS)
  if (safeS === 0) return whole(base)
  const middle = whole(Math.sqrt(base * boundS))
  return boundS <= base * RESOLUTION || middle <= base || middle >= boundS ? null : middle
}

/** Whether a probe of these seconds only confirms what the interval rests on: it is worth its tail by itself. */
export function isCheck(learnt: LearntInterval, probeS: number): boolean {
  return probeS <= Math.round(baseS(learnt))
}

/** A mapping survived so many seconds of silence. */
export function noteAnswered(learnt: LearntInterval, probeS: number, nowMs: number): void {
  learnt.failures = 0
  if (probeS >= Math.round(baseS(learnt))) learnt.suspicions = 0
  if (learnt.boundS > 0 && learnt.boundS <= probeS) learnt.boundS = 0
  if (probeS < Math.round(learnt.safeS)) return
  learnt.safeS = Math.max(learnt.safeS, probeS)
  learnt.safeAtMs = nowMs
}

/** The answer to a probe did not come, though the network is there. @returns whether the value is believed to be too long. */
export function noteFailed(learnt: LearntInterval, probeS: number, nowMs: number): boolean {
  learnt.failures = learnt.failedS === probeS ? learnt.failures + 1 : 1
  learnt.failedS = probeS
  if (learnt.failures < FAILURES) return false
  setBound(learnt, probeS, nowMs)
  return true
}

/**
 * A connection of TCP died in a silence. It repairs losses by itself, so this is believed at once where it was above
 * what is known. Below that a router may have been started anew: the second such death without a proof between counts.
 *
 * @param idleS the silence.
 */
export function noteConnectionDied(learnt: LearntInterval, idleS: number, nowMs: number): void {
  const diedS = Math.floor(idleS)
  const { boundS, boundAtMs } = learnt
  const isNews = boundS === 0 || diedS <= boundS || isOld(boundAtMs, nowMs)
  const isAbove = idleS > baseS(learnt)
  if (isAbove ? isNews : suspicionsOf(learnt, nowMs) > 0) setBound(learnt, diedS, nowMs)
  else noteMappingDied(learnt, idleS, nowMs)
}

/**
 * The live mapping died after a silence.
 *
 * Half the interval at once; whether it was the interval, a probe of the value that was believed will tell: a router
 * that was started anew takes every mapping with it.
 *
 * @param idleS silence before the packet that found it dead; above what was believed it says nothing.
 */
export function noteMappingDied(learnt: LearntInterval, idleS: number, nowMs: number): void {
  if (idleS > baseS(learnt)) return
  learnt.suspicions = Math.min(suspicionsOf(learnt, nowMs) + 1, SUSPICIONS_MAX)
  learnt.suspectedAtMs = nowMs
}

/** What others learnt, where this device knows nothing. wire-spec §9.5-3 */
export function noteHint(learnt: LearntInterval, seconds: number): void {
  if (seconds === 0 || learnt.safeS > 0 || learnt.boundS > 0) return
  learnt.assumedS = Math.min(Math.max(seconds, PROBE_MIN_S), SILENCE_LIMIT_S)
}

/** Whether anything was seen on this network. */
export function isLearnt({ safeS, boundS }: LearntInterval): boolean {
  return safeS > 0 || boundS > 0
}

function setBound(learnt: LearntInterval, boundS: number, nowMs: number): void {
  learnt.failures = 0
  learnt.boundS = boundS
  learnt.boundAtMs = nowMs
  if (boundS > Math.round(baseS(learnt))) return
  learnt.safeS = 0
  learnt.assumedS = Math.max(Math.floor(boundS / GROWTH), PROBE_MIN_S)
  learnt.suspicions = 0
}

function baseS({ safeS, assumedS }: LearntInterval): number {
  return safeS > 0 ? safeS : assumedS
}

function suspicionsOf({ suspicions, suspectedAtMs }: LearntInterval, nowMs: number): number {
  return isOld(suspectedAtMs, nowMs) ? 0 : suspicions
}

/** A clock that was set back makes things old too: they are only asked again. */
function isOld(atMs: number, nowMs: number): boolean {
  return Math.abs(nowMs - atMs) > LEARNT_TTL_MS
}
