import { wholeNumber } from '../options.js'
import { onStage, type Stage, settleAll } from '../ours/stage.js'
import { CallTree, PART_NAMES } from '../profile/call-tree.js'
import type { CpuProfile } from '../profile/cpu-profiler.js'
import type { FlameGraph, Outcome, Request, Scenario, Table } from '../scenario.js'
import { profileRings, RING_APPS, type ThreadUse } from './profile/rings.js'

const DEFAULTS = { devices: 10_000, seconds: 8, rate: 200, warm: 6_000 }
const SAMPLE_MICROS = 300
/** Pings before anything is measured, so that the code is compiled; handshakes likewise, for so long. */
const WARM_PINGS = 30_000
const WARM_STORM_S = 10
const OUTSTANDING = 64
const HOTTEST = 20
/** Sockets of the handshakes: as many are under way at most. */
const LANES_MAX = 2_048
const WHAT: Record<string, string> = {
  pings: 'pings with a pong each',
  handshakes: 'handshakes',
  rings: 'rings',
}

/** Where the time of the threads goes. */
export const profile: Scenario = {
  name: 'profile',
  summary: "where the time of the server's main thread goes, as a flame graph: under pings, handshakes, or rings",
  actions: ['pings', 'handshakes', 'rings'],
  options: {
    devices: { type: 'string', placeholder: 'N', help: `devices; ${DEFAULTS.devices}` },
    seconds: { type: 'string', placeholder: 'S', help: `so long, when it is warm; ${DEFAULTS.seconds}` },
    rate: { type: 'string', placeholder: 'N', help: `rings a second, of \`rings\`; ${DEFAULTS.rate}` },
    warm: {
      type: 'string',
      placeholder: 'N',
      help: `rings before, so that the code is compiled; ${DEFAULTS.warm}`,
    },
  },
  wordsInAll: [['pings'], ['handshakes'], ['rings']],
  wordsInSmoke: [
    ['pings', '--devices', '100', '--seconds', '1'],
    ['rings', '--devices', '60', '--seconds', '1', '--rate', '20', '--warm', '20'],
  ],
  checkSmoke: ({ result }, action) => {
    const { samples, parts, threads } = result as { samples: number; parts: Record<string, number>; threads: object[] }
    const whole = Object.values(parts).reduce((sum, share) => sum + share, 0)
    const isWhole = samples > 0 && Math.abs(whole - 1) < 1e-6 && (action !== 'rings' || threads.length > 3)
    return isWhole ? [] : [`profile: ${JSON.stringify(result)}`]
  },
  run,
}

/** What was sampled: of the main thread, and of others where these matter. */
interface Sampled {
  profiles: Map<string, CpuProfile>
  /** CPU time while nothing was sampled; none: not looked at */
  threads: ThreadUse[]
}

async function run({ action, values, seed, progress }: Request): Promise<Outcome> {
  const devices = wholeNumber(values['devices'], 'devices', 1, DEFAULTS.devices)
  const seconds = wholeNumber(values['seconds'], 'seconds', 1, DEFAULTS.seconds)
  const rate = wholeNumber(values['rate'], 'rate', 1, DEFAULTS.rate)
  const warm = wholeNumber(values['warm'], 'warm', 1, DEFAULTS.warm)
  const plan = {
    seed,
    devices,
    isPinned: true,
    isProfiled: true,
    progress: (line: string) => progress(`profile: ${line}`),
  }
  const storm = { live: 0, lanes: Math.min(devices, LANES_MAX) }
  const staged = {
    ...plan,
    ...(action === 'handshakes' ? storm : {}),
    ...(action === 'rings' ? { apps: RING_APPS } : {}),
  }
  const { profiles, threads } = await onStage(staged, (stage): Promise<Sampled> => {
    if (action === 'rings') return profileRings(stage, { perSecond: rate, seconds, warm, sampleMicros: SAMPLE_MICROS })
    return action === 'handshakes' ? handshakes(stage, seconds) : pings(stage, seconds)
  })
  const trees = [...profiles].map(([name, sampled]) => [name, new CallTree(sampled, `${name} thread`)] as const)
  const [, main] = trees[0]!
  const what = WHAT[action ?? 'pings'] ?? 'pings'
  return {
    result: {
      devices,
      samples: profiles.get('main')?.samples.length ?? 0,
      busyMs: main.micros / 1000,
      parts: Object.fromEntries(main.parts()),
      hottest: main.hottest(HOTTEST),
      ...(threads.length > 0 && { threads }),
    },
    parameters: { devices, seconds, sampleMicros: SAMPLE_MICROS, action, ...(action === 'rings' && { rate, warm }) },
    tables: [
      ...(threads.length > 0 ? [threadTable(threads, rate, seconds)] : []),
      partTable(trees, what),
      ...trees.map(([name, tree]) => hottestTable(name, tree)),
    ],
    flames: trees.map(([name, tree]) => flame(name, tree, what, seconds)),
    exitCode: 0,
  }
}

type NamedTree = readonly [name: string, tree: CallTree]

function partTable(trees: readonly NamedTree[], what: string): Table {
  const shares = trees.map(([, tree]) => tree.parts())
  return {
    title: `Time of each thread, by part: ${what}`,
    columns: ['part', ...trees.map(([name]) => `${name}, %`)],
    rows: PART_NAMES.map((part) => [part, ...shares.map((share) => (share.get(part) ?? 0) * 100)]),
    notes: [
      'Native functions (OpenSSL, WebAssembly, SQLite, the kernel in `send`) count as the part that called them. Outside of functions ' +
        'are the loop of libuv and what it asks of the kernel: `recvmsg`, `epoll_wait`.',
    ],
  }
}

function hottestTable(name: string, tree: CallTree): Table {
  return {
    title: `Functions with the most time of their own: ${name} thread`,
    columns: ['function', 'part', 'share, %'],
    rows: tree.hottest(HOTTEST).map(({ name, part, share }) => [name, part, share * 100]),
  }
}

function threadTable(threads: readonly ThreadUse[], rate: number, seconds: number): Table {
  return {
    title: `CPU time of the threads at ${rate} rings a second`,
    columns: ['thread', 'us per ring', 'cores'],
    rows: threads.map(({ name, microsPerRing, cores }) => [name, microsPerRing, cores]),
    notes: [
      `Of the kernel, over ${seconds} s in which nothing was sampled. The others are V8’s (compiler, garbage collection), libuv’s pool and the inspector’s.`,
    ],
  }
}

function flame(name: string, tree: CallTree, what: string, seconds: number): FlameGraph {
  return {
    name: name === 'main' ? 'flame' : `flame-${name}`,
    title: `${name === 'main' ? 'Main' : `The ${name}'s`} thread under ${what}`,
    parts: PART_NAMES,
    frames: tree.frames(),
    caption: `A sample every ${SAMPLE_MICROS} us for ${seconds} s; who is called stands above its caller; idle time is left out.`,
  }
}

async function pings({ facts, server, load }: Stage, seconds: number) {
  await settleAll(load, 0, facts.devices)
  await load.call('run', { pings: WARM_PINGS, outstanding: OUTSTANDING })
  return profiled(server, () => load.call('run', { seconds, outstanding: OUTSTANDING }))
}

/** Devices that all handshake; those that had a session by the first storm handshake again in the second. */
async function handshakes({ facts, server, load }: Stage, seconds: number) {
  await load.call('storm', { from: 0, to: facts.devices, seconds: WARM_STORM_S })
  return profiled(server, () => load.call('storm', { from: 0, to: facts.devices, seconds }))
}

async function profiled(server: Stage['server'], act: () => Promise<unknown>): Promise<Sampled> {
  const profiler = await server.profiler()
  try {
    await profiler.start(SAMPLE_MICROS)
    await act()
    return { profiles: await profiler.stop(), threads: [] }
  } finally {
    profiler.close()
  }
}
