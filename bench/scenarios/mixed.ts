import { wholeNumber } from '../options.js'
import { grown } from '../ours/counts.js'
import { accountsFor } from '../ours/identity.js'
import { VISIBLE_APPS } from '../ours/list.js'
import { type Load, openLoad } from '../ours/load.js'
import { MetricHistogram } from '../ours/metric-histogram.js'
import { probeFacts, probersFor } from '../ours/probes.js'
import { onStage, type Stage, settleAll } from '../ours/stage.js'
import { canPin, pinProcess } from '../peers/program.js'
import type { Outcome, Plot, Request, Scenario, Table } from '../scenario.js'
import { RingingApps } from './ring/ours.js'

const DEFAULTS = { devices: 24_000, pings: 20_000, rings: 500, changes: 1_000, probes: 200, seconds: 20 }
/** Half of the devices ping and are rung, the others change; both halves are whole groups of persons (`ours/identity`). */
const DEVICES_STEP = 12
/** Applications: each may ask 100 times a second, and one address may have 64 streams. */
const APPS = 40
/** Before anything is measured, at most, s: code is compiled, tables have grown. */
const WARM_MAX_S = 3
const LANES_MAX = 1024
/** No change is told for so long: what has not come is lost, ms. */
const SILENCE_MS = 3_000
const LOOK_MS = 50
const DELAY = 'pilotlight_event_loop_delay_seconds'
/** What is wanted of the main thread at p99, ms. */
const BAR_MS = 10

interface Plan {
  devices: number
  pings: number
  rings: number
  changes: number
  probes: number
  seconds: number
}

/** Latency of one kind; null where nothing was measured. */
interface Latency {
  p50Ms: number | null
  p99Ms: number | null
  p999Ms: number | null
  maxMs: number | null
}

interface Facts {
  eventLoop: Latency & { samples: number }
  pong: Latency
  ring: Latency
  achieved: { pingsPerSecond: number; ringsPerSecond: number; changesPerSecond: number; probes: number }
  lost: { pings: number; rings: number; changes: number; probes: number }
  /** pings that were due and not sent, as the load process was late or the lane waited for an answer */
  skippedPings: number
  refusedRings: Record<string, number>
  serverBusy: number
}

/** Pings, rings and changes at once: what the server's main thread keeps waiting. */
export const mixed: Scenario = {
  name: 'mixed',
  summary: 'delay of the main thread and of pongs under pings, rings and presence changes at once',
  actions: [],
  options: {
    devices: { type: 'string', placeholder: 'N', help: `devices; ${DEFAULTS.devices}` },
    pings: { type: 'string', placeholder: 'N', help: `pings a second, a pong each; ${DEFAULTS.pings}` },
    rings: { type: 'string', placeholder: 'N', help: `rings a second; ${DEFAULTS.rings}` },
    changes: { type: 'string', placeholder: 'N', help: `presence changes a second; ${DEFAULTS.changes}` },
    probes: { type: 'string', placeholder: 'N', help: `probe pings a second; ${DEFAULTS.probes}` },
    seconds: { type: 'string', placeholder: 'S', help: `of measurement; ${DEFAULTS.seconds}` },
  },
  wordsInAll: [[]],
  wordsInSmoke: [
    ['--devices', '240', '--pings', '200', '--rings', '10', '--changes', '20', '--probes', '40', '--seconds', '1'],
  ],
  checkSmoke: ({ result }) => {
    const { lost, eventLoop, achieved } = result as Facts
    const isWhole = lost.rings + lost.changes === 0 && eventLoop.samples > 50 && achieved.probes === 40
    return isWhole && lost.probes < 40 ? [] : [`mixed: ${JSON.stringify(result)}`]
  },
  run,
}

async function run({ values, seed, progress }: Request): Promise<Outcome> {
  const asked = wholeNumber(values['devices'], 'devices', DEVICES_STEP, DEFAULTS.devices)
  const number = (name: keyof Plan) => wholeNumber(values[name], name, 1, DEFAULTS[name])
  const plan: Plan = {
    pings: number('pings'),
    rings: number('rings'),
    changes: number('changes'),
    probes: number('probes'),
    seconds: number('seconds'),
    // Probing devices leave at least one group to change.
    devices: Math.max(DEVICES_STEP * Math.ceil(asked / DEVICES_STEP), 2 * probersFor(number('probes')) + DEVICES_STEP),
  }
  const tell = (line: string) => progress(`mixed: ${line}`)
  const facts = await onStage(
    { seed, devices: plan.devices, apps: APPS, isPinned: true, progress: tell, lanes: lanes(plan) },
    (stage) => measure(stage, plan, seed, tell),
  )
  return {
    result: {
      devices: plan.devices,
      pingsPerSecond: plan.pings,
      ringsPerSecond: plan.rings,
      changesPerSecond: plan.changes,
      eventLoopDelayP99Ms: facts.eventLoop.p99Ms,
      pongP99Ms: facts.pong.p99Ms,
      ...facts,
    },
    parameters: { ...plan, applications: APPS, warmSeconds: warmSeconds(plan) },
    tables: [delayTable(facts, plan), rateTable(facts, plan)],
    plots: [plot(facts)],
    exitCode: 0,
  }
}

function lanes({ devices }: Plan): number {
  return Math.min(LANES_MAX, devices / 2)
}

function warmSeconds({ seconds }: Plan): number {
  return Math.min(WARM_MAX_S, seconds)
}

async function measure(stage: Stage, plan: Plan, seed: string, tell: (line: string) => void): Promise<Facts> {
  const { facts, server, load } = stage
  const half = plan.devices / 2
  const [target, transport] = [server.target, 'udp' as const]
  const other = await openLoad({ facts, target, seed: `${seed} changes`, lanes: lanes(plan), transport })
  const apps = new RingingApps(stage)
  try {
    if (canPin()) for (const { pid } of [load, other]) pinProcess(pid, 1)
    await settleAll(load, 0, half)
    await settleAll(other, half, plan.devices)
    await load.call('setRings', 'accept')
    const told = { changes: 0 }
    await apps.listen(() => told.changes++)
    const parts = { stage, other, apps, told, plan }
    tell('warming up')
    await phase(parts, warmSeconds(plan), 0)
    tell(`${plan.seconds} s of pings, rings and changes`)
    return await phase(parts, plan.seconds, warmSeconds(plan) * plan.changes)
  } finally {
    apps.close()
    await other.close()
  }
}

interface Parts {
  stage: Stage
  other: Load
  apps: RingingApps
  /** events that applications were told */
  told: { changes: number }
  plan: Plan
}

/** Everything at once. @param done changes that came before. */
async function phase({ stage, other, apps, told, plan }: Parts, seconds: number, done: number): Promise<Facts> {
  const { server, load } = stage
  const half = plan.devices / 2
  const changing = half + probersFor(plan.probes)
  const changes = plan.changes * seconds
  const before = await server.metrics()
  const [cpuBefore, toldBefore, startMs] = [server.cpuMicros(), told.changes, performance.now()]
  const alike = { to: half, seconds, perSecond: plan.pings }
  const change = { state: 'gone', from: changing, perSecond: plan.changes, changes, done } as const
  const windowed = Promise.all([
    load.call('run', alike),
    other.call('changes', change),
    other.call('probe', { from: half, to: changing, perSecond: plan.probes, seconds }),
  ]).then(async ([pings, changed, probes]) => {
    const serverBusy = (server.cpuMicros() - cpuBefore) / 1000 / (performance.now() - startMs)
    return { pings, changed, probes, serverBusy, after: await server.metrics() }
  })
  const refused = { ...apps.refused }
  const ringing = apps.run({ perSecond: plan.rings, calls: plan.rings * seconds }, accountsFor(half))
  const { pings, changed, probes, serverBusy, after } = await windowed
  const ring = await ringing
  const toldChanges = await settledCount(() => told.changes - toldBefore, changes * VISIBLE_APPS)
  const histogram = new MetricHistogram(DELAY, before, after)
  const at = (share: number) => {
    const delayS = histogram.quantile(share)
    return delayS === null ? null : delayS * 1000
  }
  const { probes: sent, lost, ...pong } = probeFacts(probes)
  const { p50Ms, p99Ms, p999Ms, maxMs } = ring
  return {
    eventLoop: { p50Ms: at(0.5), p99Ms: at(0.99), p999Ms: at(0.999), maxMs: at(1), samples: histogram.count },
    pong,
    ring: { p50Ms, p99Ms, p999Ms, maxMs },
    achieved: {
      pingsPerSecond: pings.sent / pings.seconds,
      ringsPerSecond: ring.answeredPerSecond,
      changesPerSecond: changes / (seconds + changed.lateMs / 1000),
      probes: sent,
    },
    lost: {
      pings: pings.lost,
      rings: ring.lost,
      changes: changes - Math.round(toldChanges / VISIBLE_APPS),
      probes: lost,
    },
    skippedPings: pings.skipped,
    refusedRings: grown(apps.refused, refused),
    serverBusy,
  }
}

/** Waits until a count is as wanted, or has not grown for a while. */
async function settledCount(count: () => number, wanted: number): Promise<number> {
  let [seen, seenMs] = [count(), performance.now()]
  while (seen < wanted && performance.now() - seenMs < SILENCE_MS) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    if (count() > seen) [seen, seenMs] = [count(), performance.now()]
  }
  return seen
}

function delayTable({ eventLoop, pong, ring }: Facts, { pings, rings, changes, devices }: Plan): Table {
  const row = (name: string, { p50Ms, p99Ms, p999Ms, maxMs }: Latency) => [name, p50Ms, p99Ms, p999Ms, maxMs]
  return {
    title: `${pings} pings, ${rings} rings and ${changes} presence changes a second; ${devices} devices`,
    columns: ['what', 'p50 ms', 'p99 ms', 'p99.9 ms', 'longest ms'],
    rows: [
      row('delay of the main thread', eventLoop),
      row('probe ping to its pong', pong),
      row('ring to its outcome', ring),
    ],
    notes: [
      `Delay of the main thread, which handles all datagrams: \`${DELAY}\` of /metrics over the measured seconds, within its buckets by proportion; the longest is ` +
        'the bound of the highest bucket that was met. It holds what store, HTTP and garbage collection take from datagrams. What waits in the socket ' +
        'for its turn, as more came than could be read, is in the pongs only.',
      'Probe pings and rings count from the moment at which they were due (no coordinated omission); HdrHistogram, three digits. What was lost is in no percentile.',
      'The server is kept on one core, all its threads on the same; the load processes on another, where there is one: their own delays are in pongs and outcomes.',
    ],
  }
}

function rateTable({ achieved, lost, skippedPings, refusedRings, serverBusy }: Facts, plan: Plan): Table {
  return {
    title: 'What was offered, and what came of it',
    columns: ['what', 'asked 1/s', 'achieved 1/s', 'lost'],
    rows: [
      ['pings', plan.pings, achieved.pingsPerSecond, lost.pings],
      ['rings', plan.rings, achieved.ringsPerSecond, lost.rings],
      ['presence changes', plan.changes, achieved.changesPerSecond, lost.changes],
      ['probe pings', plan.probes, achieved.probes / plan.seconds, lost.probes],
      ['pings that were due and not sent', null, null, skippedPings],
      ...Object.entries(refusedRings).map(([why, count]) => [`rings refused: ${why}`, null, null, count]),
      ['cores that the server used', null, serverBusy, null],
    ],
    notes: [
      `Each presence change is told to ${VISIBLE_APPS} applications by stream; it goes out once, and what the kernel drops is lost. A ping is lost after a second; ` +
        'it is not sent where the load process is late or the device’s socket still waits for another pong.',
    ],
  }
}

function plot({ eventLoop, pong, ring }: Facts): Plot {
  const points = (of: Latency) => [
    { x: 'p50', y: of.p50Ms },
    { x: 'p99', y: of.p99Ms },
    { x: 'p99.9', y: of.p999Ms },
    { x: 'longest', y: of.maxMs },
  ]
  return {
    name: 'mixed-delay',
    title: 'Delays under pings, rings and presence changes at once',
    kind: 'line',
    x: { label: 'percentile', unit: null, scale: 'category' },
    y: { label: 'delay', unit: 'ms', scale: 'log' },
    lines: [
      { name: 'main thread', role: 'ours', points: points(eventLoop) },
      { name: 'ping to pong', points: points(pong) },
      { name: 'ring to outcome', points: points(ring) },
      { name: 'wanted of the main thread at p99', role: 'guide', points: points(alwaysBar()) },
    ],
  }
}

function alwaysBar(): Latency {
  return { p50Ms: BAR_MS, p99Ms: BAR_MS, p999Ms: BAR_MS, maxMs: BAR_MS }
}
