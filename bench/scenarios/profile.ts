import { wholeNumber } from '../options.js'
import { onStage, type Stage, settleAll } from '../ours/stage.js'
import { CallTree, PART_NAMES } from '../profile/call-tree.js'
import type { Outcome, Request, Scenario } from '../scenario.js'

const DEFAULTS = { devices: 10_000, seconds: 8 }
const SAMPLE_MICROS = 300
/** Pings before anything is measured, so that the code is compiled; handshakes likewise, for so long. */
const WARM_PINGS = 30_000
const WARM_STORM_S = 10
const OUTSTANDING = 64
const HOTTEST = 20
/** Sockets of the handshakes: as many are under way at most. */
const LANES_MAX = 2_048

/** Where the main thread's time goes. */
export const profile: Scenario = {
  name: 'profile',
  summary: "where the time of the server's main thread goes, as a flame graph: under pings, or under handshakes",
  actions: ['pings', 'handshakes'],
  options: {
    devices: { type: 'string', placeholder: 'N', help: `devices; ${DEFAULTS.devices}` },
    seconds: { type: 'string', placeholder: 'S', help: `so long, when it is warm; ${DEFAULTS.seconds}` },
  },
  wordsInAll: [['pings'], ['handshakes']],
  wordsInSmoke: [['pings', '--devices', '100', '--seconds', '1']],
  checkSmoke: ({ result }) => {
    const { samples, parts } = result as { samples: number; parts: Record<string, number> }
    const whole = Object.values(parts).reduce((sum, share) => sum + share, 0)
    return samples > 0 && Math.abs(whole - 1) < 1e-6 ? [] : [`profile: ${JSON.stringify(result)}`]
  },
  run,
}

async function run({ action, values, seed, progress }: Request): Promise<Outcome> {
  const devices = wholeNumber(values['devices'], 'devices', 1, DEFAULTS.devices)
  const seconds = wholeNumber(values['seconds'], 'seconds', 1, DEFAULTS.seconds)
  const isStorm = action === 'handshakes'
  const plan = {
    seed,
    devices,
    isPinned: true,
    isProfiled: true,
    progress: (line: string) => progress(`profile: ${line}`),
  }
  const storm = { live: 0, lanes: Math.min(devices, LANES_MAX) }
  const sampled = await onStage({ ...plan, ...(isStorm ? storm : {}) }, (stage) =>
    isStorm ? handshakes(stage, seconds) : pings(stage, seconds),
  )
  const tree = new CallTree(sampled)
  const parts = Object.fromEntries(tree.parts())
  const what = isStorm ? 'handshakes' : 'pings with a pong each'
  return {
    result: {
      devices,
      samples: sampled.samples.length,
      busyMs: tree.micros / 1000,
      parts,
      hottest: tree.hottest(HOTTEST),
    },
    parameters: { devices, seconds, sampleMicros: SAMPLE_MICROS, action },
    tables: [
      {
        title: `Time of the main thread, by part: ${what}`,
        columns: ['part', 'share, %'],
        rows: Object.entries(parts).map(([part, share]) => [part, share * 100]),
        notes: [
          'Native functions (OpenSSL, WebAssembly, the kernel in `send`) count as the part that called them. Outside of functions ' +
            'are the loop of libuv and what it asks of the kernel: `recvmsg`, `epoll_wait`.',
        ],
      },
      {
        title: 'Functions with the most time of their own',
        columns: ['function', 'part', 'share, %'],
        rows: tree.hottest(HOTTEST).map(({ name, part, share }) => [name, part, share * 100]),
      },
    ],
    flames: [
      {
        name: 'flame',
        title: `Main thread under ${what}`,
        parts: PART_NAMES,
        frames: tree.frames(),
        caption: `A sample every ${SAMPLE_MICROS} us for ${seconds} s; who is called stands above its caller; idle time is left out.`,
      },
    ],
    exitCode: 0,
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

async function profiled(server: Stage['server'], act: () => Promise<unknown>) {
  const profiler = await server.profiler()
  try {
    await profiler.start(SAMPLE_MICROS)
    await act()
    return await profiler.stop()
  } finally {
    profiler.close()
  }
}
