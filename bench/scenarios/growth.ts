import { wholeNumber } from '../options.js'
import { Ringing } from '../ours/ringing.js'
import { onStage, type Stage, settleAll } from '../ours/stage.js'
import { everyFor, FLEET_OPTIONS, fleetPlan } from '../ours/stored.js'
import type { Outcome, Plot, Request, Scenario, Table } from '../scenario.js'

const DEFAULTS = { devices: 10_000, seconds: 5, rings: 200 }
const DEVICES_LEAST = 1_000
const APPS = 100
/** Pings before anything is measured, so that the code is compiled. */
const WARM_PINGS = 30_000
const WARM_RINGS = 50
const OUTSTANDING = 64
const PACED_PER_SECOND = 5_000
const RING_DEADLINE_S = 60

/** What work costs the server that holds so many devices. */
interface Row {
  devices: number
  /** closed loop, a pong each time */
  cpuMicrosPerPing: number
  pingsPerSecond: number
  /** at 5,000 a second */
  cpuMicrosPerPingPaced: number
  /** HTTP request, to the device, accepted, read over HTTP */
  cpuMicrosPerRing: number
  lost: number
  /** of the load process, for each ping of the closed loop */
  loadMicrosPerPing: number | null
}

/** Cost of a ping and of a ring against the number of devices: it must be flat. */
export const growth: Scenario = {
  name: 'growth',
  summary: 'CPU of the server for a ping and for a ring, against the number of devices',
  actions: [],
  options: {
    devices: { type: 'string', placeholder: 'N', help: `most devices, from 1,000 by tens; ${DEFAULTS.devices}` },
    seconds: { type: 'string', placeholder: 'S', help: `of each measurement; ${DEFAULTS.seconds}` },
    rings: { type: 'string', placeholder: 'N', help: `rings of each measurement; ${DEFAULTS.rings}` },
    ...FLEET_OPTIONS,
  },
  wordsInAll: [['--devices', '100000']],
  wordsInSmoke: [['--devices', '1000', '--seconds', '1', '--rings', '20']],
  checkSmoke: ({ result }) => {
    const { rows } = result as { rows: Row[] }
    return rows.length === 1 && rows.every((row) => row.cpuMicrosPerPing > 0 && row.cpuMicrosPerRing > 0)
      ? []
      : [`growth: ${JSON.stringify(result)}`]
  },
  run,
}

async function run({ values, seed, progress }: Request): Promise<Outcome> {
  const fleet = fleetPlan({ values, seed }, DEFAULTS.devices)
  const { devices } = fleet
  const seconds = wholeNumber(values['seconds'], 'seconds', 1, DEFAULTS.seconds)
  const rings = wholeNumber(values['rings'], 'rings', 1, DEFAULTS.rings)
  const rows: Row[] = []
  for (const size of sizes(devices)) {
    progress(`growth: ${size} devices`)
    const stored = size === devices ? fleet.stored : undefined
    const every = everyFor(size, fleet.heard)
    const plan = { seed: fleet.seed, stored, every, devices: size, apps: APPS, isPinned: true }
    const row = await onStage({ ...plan, progress: (line) => progress(`growth: ${line}`) }, (stage) =>
      measure(stage, { seconds, rings }),
    )
    rows.push(row)
  }
  const [first, last] = [rows[0], rows.at(-1)] as [Row, Row]
  return {
    result: {
      devices,
      rows,
      pingGrowth: last.cpuMicrosPerPing / first.cpuMicrosPerPing,
      ringGrowth: last.cpuMicrosPerRing / first.cpuMicrosPerRing,
    },
    parameters: {
      devices,
      heard: fleet.heard,
      seconds,
      rings,
      outstanding: OUTSTANDING,
      pacedPerSecond: PACED_PER_SECOND,
      apps: APPS,
    },
    tables: [growthTable(rows)],
    plots: [growthPlot(rows, 'ping'), growthPlot(rows, 'ring')],
    exitCode: 0,
  }
}

/** 1,000, 10,000 and so on up to the number, and the number itself. */
function sizes(devices: number): number[] {
  const all: number[] = []
  for (let size = DEVICES_LEAST; size < devices; size *= 10) all.push(size)
  return [...all, devices]
}

async function measure(stage: Stage, { seconds, rings }: { seconds: number; rings: number }): Promise<Row> {
  const { facts, server, load } = stage
  await settleAll(load, 0, facts.devices)
  await load.call('run', { pings: WARM_PINGS, outstanding: OUTSTANDING })
  const closed = await charged(stage, () => load.call('run', { seconds, outstanding: OUTSTANDING }))
  const paced = await charged(stage, () => load.call('run', { seconds, perSecond: PACED_PER_SECOND }))
  await load.call('setRings', 'accept')
  const ringing = new Ringing(stage)
  try {
    const ring = async (count: number) => {
      await ringing.send(count, RING_DEADLINE_S)
      await ringing.read(RING_DEADLINE_S / 4)
    }
    await ring(WARM_RINGS)
    const before = server.cpuMicros()
    await ring(rings)
    const cpuMicrosPerRing = (server.cpuMicros() - before) / rings
    return {
      devices: facts.devices,
      cpuMicrosPerPing: closed.serverMicros / closed.counts.sent,
      pingsPerSecond: closed.counts.sent / closed.counts.seconds,
      cpuMicrosPerPingPaced: paced.serverMicros / paced.counts.sent,
      cpuMicrosPerRing,
      lost: closed.counts.lost + paced.counts.lost + ringing.open,
      loadMicrosPerPing: closed.loadMicros === null ? null : closed.loadMicros / closed.counts.sent,
    }
  } finally {
    ringing.close()
  }
}

/** Runs something with the CPU times of both processes meanwhile. */
async function charged<Counts>({ server, load }: Stage, act: () => Promise<Counts>) {
  const [serverBefore, loadBefore] = [server.cpuMicros(), load.cpuMicros()]
  const counts = await act()
  const loadAfter = load.cpuMicros()
  return {
    counts,
    serverMicros: server.cpuMicros() - serverBefore,
    loadMicros: loadBefore === null || loadAfter === null ? null : loadAfter - loadBefore,
  }
}

function growthTable(rows: readonly Row[]): Table {
  return {
    title: 'CPU time of the server, user and system, against the number of devices that it holds',
    columns: ['devices', 'us/ping', 'pings/s', 'us/ping at 5k/s', 'us/ring', 'lost', 'load us/ping'],
    rows: rows.map((row) => [
      row.devices,
      row.cpuMicrosPerPing,
      row.pingsPerSecond,
      row.cpuMicrosPerPingPaced,
      row.cpuMicrosPerRing,
      row.lost,
      row.loadMicrosPerPing,
    ]),
    notes: [
      `Pings go over all devices in turn, ${OUTSTANDING} under way, a pong each time; then ${PACED_PER_SECOND} a second. The server has ` +
        'one core to itself where taskset is there. A ring is the request of an application, the way to the device, its accept, ' +
        'and the request that reads the outcome.',
    ],
  }
}

function growthPlot(rows: readonly Row[], what: 'ping' | 'ring'): Plot {
  const points = (of: (row: Row) => number) => rows.map((row) => ({ x: row.devices, y: of(row) }))
  const lines =
    what === 'ping'
      ? [
          { name: 'closed loop', role: 'ours' as const, points: points((row) => row.cpuMicrosPerPing) },
          { name: '5,000 a second', points: points((row) => row.cpuMicrosPerPingPaced) },
        ]
      : [{ name: 'ring', role: 'ours' as const, points: points((row) => row.cpuMicrosPerRing) }]
  return {
    name: `growth-${what}`,
    title: `CPU time of the server for a ${what} does not grow with the number of devices`,
    kind: 'line',
    x: { label: 'devices', unit: null, scale: 'log' },
    y: { label: `CPU time for a ${what}`, unit: 'us', scale: 'linear', min: 0 },
    lines,
  }
}
