import { BenchError } from '../bench-error.js'
import { wholeNumber } from '../options.js'
import { onStage, settleAll, withFolder } from '../ours/stage.js'
import { chosenPeers, PEERS } from '../peers/all.js'
import type { CallFacts } from '../peers/call-load.js'
import { makeCertificate } from '../peers/certificate.js'
import { Generator } from '../peers/generator.js'
import type { Peer } from '../peers/peer.js'
import { canPin, pinProcess } from '../peers/program.js'
import { missing, startPeer } from '../peers/stage.js'
import { cpuMicros } from '../process-usage.js'
import type { Outcome, Plot, Request, Scenario, Table } from '../scenario.js'
import { RingingApps } from './ring/ours.js'

const DEFAULTS = { devices: 1_000, apps: 40, seconds: 10, rates: '50,100,200,400,800', warm: 6_000 }
/** A rate is sustained when all rings were answered, and as fast as they were sent but for this share. */
const SLOWER = 0.05
/** The first rings of a process are not measured: connections are opened, and V8 compiles what ran some thousand times. */
const WARM_PER_SECOND = 400
const NAME = 'pilotlight'

/** One rate, with the server's CPU time. */
interface Rung extends CallFacts {
  /** of the server's process for each ring, us; null where the kernel does not tell */
  serverMicrosPerRing: number | null
  isSustained: boolean
}

type Row = { rates: Rung[] } | { missing: string }

/** From an application's request to a device and back to the application, at rising rates. */
export const ring: Scenario = {
  name: 'ring',
  summary: 'latency from the request of an application to a device’s answer at the application, at rising rates',
  actions: [],
  options: {
    devices: { type: 'string', placeholder: 'N', help: `devices; ${DEFAULTS.devices}` },
    rates: { type: 'string', placeholder: 'A,B', help: `rings a second; ${DEFAULTS.rates}` },
    seconds: { type: 'string', placeholder: 'S', help: `at each rate; ${DEFAULTS.seconds}` },
    warm: { type: 'string', placeholder: 'N', help: `rings before, of each server; ${DEFAULTS.warm}` },
    peers: { type: 'string', placeholder: 'A,B', help: 'peers beside, or none; all that have messages' },
  },
  wordsInAll: [[]],
  wordsInSmoke: [
    ['--devices', '60', '--rates', '20', '--seconds', '1', '--warm', '40', '--peers', 'mosquitto-tls,nats-tls,ws-tls'],
  ],
  checkSmoke: ({ result }) => {
    const { rates } = result as { rates: Rung[] }
    return rates.every(({ lost, calls }) => lost === 0 && calls === 20) ? [] : [`ring: ${JSON.stringify(rates)}`]
  },
  run,
}

interface RingRequest {
  devices: number
  rates: readonly number[]
  seconds: number
  /** rings before the first rate */
  warm: number
  peers: readonly Peer[]
  seed: string
  /** kept cores: of servers, and of generators and load processes; null where they cannot be kept */
  cores: { server: number | null; generator: number | null }
  progress: (line: string) => void
}

async function run({ values, seed, progress }: Request): Promise<Outcome> {
  const asked: RingRequest = {
    devices: wholeNumber(values['devices'], 'devices', 2, DEFAULTS.devices),
    rates: readRates(values['rates']),
    seconds: wholeNumber(values['seconds'], 'seconds', 1, DEFAULTS.seconds),
    warm: wholeNumber(values['warm'], 'warm', 1, DEFAULTS.warm),
    peers: chosenPeers(
      values['peers'],
      PEERS.filter(({ speech }) => speech.calls !== undefined),
    ),
    seed,
    cores: canPin() ? { server: 0, generator: 1 } : { server: null, generator: null },
    progress: (line) => progress(`ring: ${line}`),
  }
  const { rungs, refused } = await ours(asked)
  const peers: Record<string, Row> = {}
  for (const peer of asked.peers) {
    const why = missing(peer)
    peers[peer.name] = why === null ? { rates: await ofPeer(peer, asked) } : { missing: why }
  }
  const best = rungs.findLast(({ isSustained }) => isSustained) ?? rungs[0]!
  const rows: [string, Row][] = [[NAME, { rates: rungs }], ...Object.entries(peers)]
  return {
    result: {
      ratePerSecond: best.perSecond,
      p50Ms: best.p50Ms,
      p99Ms: best.p99Ms,
      p999Ms: best.p999Ms,
      isSustained: best.isSustained,
      rates: rungs,
      refused,
      peers,
    },
    parameters: { ...asked, peers: asked.peers.map(({ name }) => name), applications: DEFAULTS.apps },
    tables: [table(rows, asked)],
    plots: [plot(rows)],
    exitCode: 0,
  }
}

async function ours(asked: RingRequest): Promise<{ rungs: Rung[]; refused: Record<string, number> }> {
  const { devices, seed, cores, progress } = asked
  return await onStage({ seed, devices, apps: DEFAULTS.apps, isPinned: true, progress }, async (stage) => {
    if (cores.generator !== null) pinProcess(stage.load.pid, cores.generator)
    await settleAll(stage.load, 0, devices)
    await stage.load.call('setRings', 'accept')
    const apps = new RingingApps(stage)
    try {
      await apps.listen()
      const rungs = await climb(NAME, stage.server.pid, asked, (plan) => apps.run(plan))
      return { rungs, refused: apps.refused }
    } finally {
      apps.close()
    }
  })
}

async function ofPeer(peer: Peer, asked: RingRequest): Promise<Rung[]> {
  const { devices, cores, progress } = asked
  // Client 0 is the application.
  const clients = devices + 1
  return await withFolder(async (folder) => {
    const certificate = makeCertificate(folder)
    const server = await startPeer(peer, { folder, certificate, clients, core: cores.server })
    const generator = new Generator(peer, server.port, { core: cores.generator, progress })
    try {
      await generator.connect(clients)
      return await climb(peer.name, server.pid, asked, (plan) => generator.calls(plan))
    } finally {
      await generator.stop()
      await server.stop()
    }
  })
}

/** One rate after the other; after one that is not sustained none that is higher is tried. */
async function climb(
  name: string,
  pid: number,
  { rates, seconds, warm, progress }: RingRequest,
  call: (plan: { perSecond: number; calls: number }) => Promise<CallFacts>,
): Promise<Rung[]> {
  await call({ perSecond: WARM_PER_SECOND, calls: warm })
  const rungs: Rung[] = []
  for (const perSecond of rates) {
    const atFirst = cpuMicros(pid)
    const facts = await call({ perSecond, calls: perSecond * seconds })
    const atLast = cpuMicros(pid)
    const serverMicrosPerRing = atFirst === null || atLast === null ? null : (atLast - atFirst) / facts.calls
    const isSustained = facts.lost === 0 && facts.answeredPerSecond >= (1 - SLOWER) * perSecond
    rungs.push({ ...facts, serverMicrosPerRing, isSustained })
    progress(`${name} at ${perSecond}/s: p50 ${facts.p50Ms} ms, p99 ${facts.p99Ms} ms, ${facts.lost} lost`)
    if (!isSustained) break
  }
  return rungs
}

function table(rows: readonly (readonly [string, Row])[], { devices, seconds, warm, cores }: RingRequest): Table {
  return {
    title: `Rings to ${devices} devices: from the request to the answer at the application`,
    columns: [
      'server',
      'rings/s',
      'p50 ms',
      'p99 ms',
      'p99.9 ms',
      'longest ms',
      'answered/s',
      'lost',
      'server us/ring',
      'sustained',
    ],
    rows: rows.flatMap(([name, row]) =>
      'missing' in row
        ? [[name, row.missing, ...Array.from({ length: 8 }, () => null)]]
        : row.rates.map((one) => [
            name,
            one.perSecond,
            one.p50Ms,
            one.p99Ms,
            one.p999Ms,
            one.maxMs,
            one.answeredPerSecond,
            one.lost,
            one.serverMicrosPerRing,
            one.isSustained ? 'yes' : 'no',
          ]),
    ),
    notes: [
      `${seconds} s at each rate, after ${warm} rings at ${WARM_PER_SECOND}/s. Each latency counts from the moment at which the ring was due, however late it could be sent: a stall counts for all ` +
        'that wait behind it (no coordinated omission). HdrHistogram, three digits. What was lost is in no percentile. After a rate that was not sustained ' +
        '(rings lost, or answered more than 5 % slower than sent) no higher one is tried.',
      `Ours: POST /v1/rings of ${DEFAULTS.apps} applications, the device accepts at once, and the sender reads the outcome in its stream; the ring and ` +
        'its outcome are durable on the disk. Peers: one application’s connection sends to a device’s topic or connection, the device answers at once in ' +
        'the same way; QoS 1 with MQTT, no acknowledgement and nothing on a disk with nats and ws.',
      cores.server === null
        ? 'Processes could not be kept on cores here.'
        : `Servers are kept on core ${cores.server}, devices on core ${cores.generator}; our applications are in the harness’s process, on any core.`,
    ],
  }
}

function plot(rows: readonly (readonly [string, Row])[]): Plot {
  return {
    name: 'ring-latency',
    title: 'Latency of a ring at p99, by rate',
    kind: 'line',
    x: { label: 'rings', unit: '1/s', scale: 'log' },
    y: { label: 'latency at p99', unit: 'ms', scale: 'log' },
    lines: rows.flatMap(([name, row]) =>
      'missing' in row
        ? []
        : [
            {
              name,
              ...(name === NAME ? { role: 'ours' as const } : {}),
              points: row.rates.map(({ perSecond, p99Ms }) => ({ x: perSecond, y: p99Ms })),
            },
          ],
    ),
  }
}

/** @throws BenchError for what is no list of rates that rise. */
function readRates(value: string | boolean | undefined): number[] {
  const rates = (typeof value === 'string' ? value : DEFAULTS.rates).split(',').map(Number)
  const rises = rates.every((rate, index) => Number.isInteger(rate) && rate > (index === 0 ? 0 : rates[index - 1]!))
  if (!rises) throw new BenchError('--rates must be whole numbers that rise, such as 50,100')
  return rates
}
