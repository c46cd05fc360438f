/** Pings that are sent when they are due, whatever became of those before, and how long each waited for its pong. */
import { createHistogram } from 'node:perf_hooks'
import type { Exchanges } from './exchanges.js'
import type { Fleet } from './fleet.js'

/** What a run of probes is to be. */
export interface ProbePlan {
  /** devices `from` to `to` - 1 take turns; each needs a lane of its own, and a turn should take a second at least */
  from: number
  to: number
  perSecond: number
  seconds: number
}

/** One probe. */
export interface Probe {
  /** when it was due, Unix ms */
  dueMs: number
  /** from then to its pong; null: none came before the device's next turn */
  waitedMs: number | null
}

/** Latency of probes; null where none was answered. */
export interface ProbeFacts {
  probes: number
  lost: number
  p50Ms: number | null
  p99Ms: number | null
  p999Ms: number | null
  maxMs: number | null
}

/** After the last probe its pong is waited for, ms. */
const PATIENCE_MS = 1000

/** How many devices probes at a rate need, so that each has `PATIENCE_MS` and more for its answer. */
export function probersFor(perSecond: number): number {
  return 6 * Math.ceil(perSecond / 4)
}

/** Sends the probes. */
export async function probe(fleet: Fleet, exchanges: Exchanges, plan: ProbePlan): Promise<Probe[]> {
  const { from, to, perSecond, seconds } = plan
  const count = Math.round(perSecond * seconds)
  const probes: Probe[] = []
  /** the probe of each device that has no answer yet */
  const open = new Map<number, Probe>()
  const unwatch = exchanges.watchFree((_lane, device) => {
    const probe = open.get(device)
    if (probe === undefined) return
    open.delete(device)
    probe.waitedMs = unixMs() - probe.dueMs
  })
  const startMs = unixMs()
  const dueMs = (nth: number) => startMs + (nth * 1000) / perSecond
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const nowMs = unixMs()
      while (probes.length < count && dueMs(probes.length) <= nowMs) {
        const device = from + (probes.length % (to - from))
        const probe = { dueMs: dueMs(probes.length), waitedMs: null }
        exchanges.release(exchanges.laneOf(device))
        exchanges.send(device, fleet.ping(device, true), true)
        open.set(device, probe)
        probes.push(probe)
      }
      if (probes.length < count || (open.size > 0 && nowMs < dueMs(count) + PATIENCE_MS)) return
      clearInterval(timer)
      resolve()
    }, 1)
  })
  unwatch()
  return probes
}

/** Percentiles by HdrHistogram, three digits. */
export function probeFacts(probes: readonly Probe[]): ProbeFacts {
  const waits = probes.flatMap(({ waitedMs }) => waitedMs ?? [])
  const histogram = createHistogram()
  for (const waitedMs of waits) histogram.record(Math.max(1, Math.round(waitedMs * 1000)))
  const at = (percent: number) => (waits.length === 0 ? null : histogram.percentile(percent) / 1000)
  return {
    probes: probes.length,
    lost: probes.length - waits.length,
    p50Ms: at(50),
    p99Ms: at(99),
    p999Ms: at(99.9),
    maxMs: at(100),
  }
}

function unixMs(): number {
  return performance.timeOrigin + performance.now()
}
