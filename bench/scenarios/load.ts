import { BenchError } from '../bench-error.js'
import { wholeNumber } from '../options.js'
import { onStage, type Stage, withFolder } from '../ours/stage.js'
import { FLEET_OPTIONS, type FleetPlan, fleetPlan, heardOf } from '../ours/stored.js'
import { chosenPeers, PEERS_AND_FLOOR } from '../peers/all.js'
import { makeCertificate } from '../peers/certificate.js'
import type { Peer } from '../peers/peer.js'
import { canPin } from '../peers/program.js'
import { missing, type RunningPeer, startPeer } from '../peers/stage.js'
import { udpFloor } from '../peers/udp-floor.js'
import { hasUsage } from '../process-usage.js'
import type { Outcome, Plot, Request, Scenario, Table } from '../scenario.js'
import { pairedRatio, RATIO_METHOD, type Ratio, ratioText } from '../statistics.js'
import { type Cores, OurContestant, PeerContestant, settleOurs } from './load/contestant.js'
import { type Competition, compete, LADDER, LOSS_MAX, PACES, type Standing } from './load/rounds.js'

const DEFAULTS = { devices: 10_000, rounds: 7, turnMs: 3_000 }
/** Clients of a peer at most: its server and its generator hold a file for each. */
const PEER_CLIENTS_MAX = 10_000
const [EACH, TENTH, WORKERS] = ['pilotlight', 'pilotlight-tenth', 'pilotlight-workers']
const REFERENCE = 'mosquitto-tls'

/** Pings a second on one core and what each costs, ours and the peers', in turns. */
export const load: Scenario = {
  name: 'load',
  summary: 'pings per second and CPU per ping on one core, ours with a pong each time and every tenth, against peers',
  actions: [],
  options: {
    devices: {
      type: 'string',
      placeholder: 'N',
      help: `our devices; peers have as many, at most 10000; ${DEFAULTS.devices}`,
    },
    peers: { type: 'string', placeholder: 'A,B', help: 'peers beside, or none; all' },
    rounds: { type: 'string', placeholder: 'N', help: `times that each has its turn; ${DEFAULTS.rounds}` },
    'turn-ms': { type: 'string', placeholder: 'MS', help: `of each turn; ${DEFAULTS.turnMs}` },
    workers: {
      type: 'string',
      placeholder: 'N',
      help: 'ours with so many workers beside; nobody is kept on a core then',
    },
    ...FLEET_OPTIONS,
  },
  wordsInAll: [[], ['--devices', '1000'], ['--devices', '100000', '--peers', `${REFERENCE},${udpFloor.name}`]],
  wordsInSmoke: [['--devices', '64', '--rounds', '1', '--turn-ms', '100']],
  checkSmoke: ({ result }) => {
    const { pingsPerSecond, cpuMicrosPerPing } = result as { pingsPerSecond: number; cpuMicrosPerPing: number }
    return pingsPerSecond > 0 && cpuMicrosPerPing > 0 ? [] : [`load: ${JSON.stringify(result)}`]
  },
  run,
}

/** What is asked. */
interface LoadRequest extends FleetPlan {
  rounds: number
  seconds: number
  /** of a second server of ours; 1: there is none */
  workers: number
  peers: readonly Peer[]
  progress: (line: string) => void
}

async function run({ values, seed, progress }: Request): Promise<Outcome> {
  if (!hasUsage()) throw new BenchError('load needs /proc for CPU times of other processes', 1)
  const asked: LoadRequest = {
    ...fleetPlan({ values, seed }, DEFAULTS.devices),
    rounds: wholeNumber(values['rounds'], 'rounds', 1, DEFAULTS.rounds),
    seconds: wholeNumber(values['turn-ms'], 'turn-ms', 50, DEFAULTS.turnMs) / 1000,
    workers: wholeNumber(values['workers'], 'workers', 2, 1),
    peers: chosenPeers(values['peers'], PEERS_AND_FLOOR),
    progress: (line) => progress(`load: ${line}`),
  }
  const isPinned = canPin() && asked.workers === 1
  const cores: Cores = isPinned ? { server: 0, generator: 1 } : { server: null, generator: null }
  const absent = new Map(
    asked.peers.flatMap((peer) => (missing(peer) === null ? [] : [[peer, missing(peer)!] as const])),
  )
  const present = asked.peers.filter((peer) => !absent.has(peer))
  const { standings, broken, packetsByWorker } = await onStage(
    {
      seed: asked.seed,
      devices: asked.devices,
      every: asked.every,
      stored: asked.stored,
      isPinned,
      progress: asked.progress,
    },
    async (stage) => {
      await settleOurs(stage, cores)
      return await withWorkers(asked, (workers) =>
        withPeers(present, asked, cores, (peers) => competeAll(stage, workers, peers, asked)),
      )
    },
  )
  for (const peer of present) {
    const why = broken.get(peer.name)
    if (why !== undefined) absent.set(peer, `broke: ${why}`)
  }
  const ours = [EACH, TENTH, WORKERS].map((name) => broken.get(name)).find((why) => why !== undefined)
  if (ours !== undefined) throw new BenchError(ours, 1)
  return outcome(asked, cores, { standings, broken, packetsByWorker }, absent)
}

async function competeAll(
  stage: Stage,
  workers: Stage | null,
  peers: readonly PeerContestant[],
  asked: LoadRequest,
): Promise<Competition & { packetsByWorker: number[] }> {
  const ours = [new OurContestant(EACH, stage, 1), new OurContestant(TENTH, stage, 10)]
  if (workers !== null) ours.push(new OurContestant(WORKERS, workers, 1))
  const competition = await compete([...ours, ...peers], asked)
  return { ...competition, packetsByWorker: workers === null ? [] : await countsByWorker(workers, asked.workers) }
}

/** Another server of ours with its own devices, if one is asked for. */
async function withWorkers<Result>(asked: LoadRequest, act: (stage: Stage | null) => Promise<Result>): Promise<Result> {
  const { workers, progress, seed, devices, every } = asked
  if (workers === 1) return await act(null)
  return await onStage({ seed, devices, every, options: ['--workers', String(workers)], progress }, async (stage) => {
    await settleOurs(stage, { server: null, generator: null })
    return await act(stage)
  })
}

async function countsByWorker({ server }: Stage, workers: number): Promise<number[]> {
  const samples = await server.metrics()
  return Array.from({ length: workers }, (_, worker) => {
    const labels = `kind="channel",worker="${worker}"`
    return samples.get(`pilotlight_packets_in_total{${labels}}`) ?? 0
  })
}

/** Starts the peers and connects their clients; ends all of them whatever happens. */
async function withPeers<Result>(
  peers: readonly Peer[],
  { devices, progress }: LoadRequest,
  cores: Cores,
  act: (contestants: readonly PeerContestant[]) => Promise<Result>,
): Promise<Result> {
  const clients = Math.min(devices, PEER_CLIENTS_MAX)
  const running: RunningPeer[] = []
  const contestants: PeerContestant[] = []
  return await withFolder(async (folder) => {
    try {
      const certificate = makeCertificate(folder)
      for (const peer of peers) {
        const server = await startPeer(peer, { folder, certificate, clients, core: cores.server })
        running.push(server)
        contestants.push(await PeerContestant.open(peer, server, { clients, core: cores.generator, progress }))
        progress(`${peer.name}: ${clients} clients are connected`)
      }
      return await act(contestants)
    } finally {
      await Promise.all([...contestants, ...running].map((one) => one.stop()))
    }
  })
}

function outcome(
  asked: LoadRequest,
  cores: Cores,
  { standings, packetsByWorker }: Competition & { packetsByWorker: number[] },
  absent: ReadonlyMap<Peer, string>,
): Outcome {
  const names = [EACH, TENTH, REFERENCE, WORKERS, udpFloor.name]
  const [each, tenth, reference, workers, floor] = names.map((name) => standings.get(name))
  const ratios = {
    mosquittoTls: ratioOf(each, reference, asked.seed),
    mosquittoTlsTenth: ratioOf(tenth, reference, asked.seed),
    floor: ratioOf(floor, reference, asked.seed),
    workers: ratioOf(workers, each, asked.seed),
  }
  const peers: Record<string, Standing | { missing: string }> = {}
  for (const peer of asked.peers) peers[peer.name] = standings.get(peer.name) ?? { missing: absent.get(peer)! }
  return {
    result: {
      devices: asked.devices,
      pingsPerSecond: each!.pingsPerSecond,
      cpuMicrosPerPing: each!.cpuMicrosPerPing,
      each,
      tenth,
      peers,
      ratioToMosquittoTls: ratios.mosquittoTls?.ratio ?? null,
      ratioToMosquittoTlsTenth: ratios.mosquittoTlsTenth?.ratio ?? null,
      ratios,
      workers:
        workers === undefined
          ? null
          : { ...workers, count: asked.workers, packetsByWorker, cpuRatio: ratios.workers?.ratio ?? null },
    },
    parameters: {
      ...asked,
      stored: undefined,
      heard: heardOf(asked.devices, asked.every),
      peers: asked.peers.map(({ name }) => name),
      cores,
      ladder: LADDER,
      lossMax: LOSS_MAX,
    },
    tables: [
      standingTable(asked, cores, standings, absent),
      ratioTable(ratios),
      ...(workers === undefined ? [] : [workersTable(asked.workers, ratios.workers, packetsByWorker)]),
    ],
    plots: [plot(standings)],
    exitCode: 0,
  }
}

function ratioOf(above: Standing | undefined, below: Standing | undefined, seed: string): Ratio | null {
  return above === undefined || below === undefined ? null : pairedRatio(above.rounds, below.rounds, seed)
}

function standingTable(
  { devices, rounds, seconds }: LoadRequest,
  cores: Cores,
  standings: ReadonlyMap<string, Standing>,
  absent: ReadonlyMap<Peer, string>,
): Table {
  return {
    title: `${devices} devices of ours, server on one core: pings per second and CPU per ping`,
    columns: [
      'server',
      'clients',
      'pings/s',
      'us/ping',
      'generator us/ping',
      'limited by',
      'server on core',
      'generator on core',
      'under way',
      'lost',
      ...PACES.map((pace) => `us/ping at ${pace}/s`),
    ],
    rows: [
      ...[...standings].map(([name, one]) => [
        name,
        one.clients,
        Math.round(one.pingsPerSecond),
        one.cpuMicrosPerPing,
        one.generatorMicrosPerPing,
        one.limitedBy,
        one.serverBusy,
        one.generatorBusy,
        one.outstanding,
        one.lossShare,
        ...PACES.map((pace) => one.paced[pace]?.cpuMicrosPerPing ?? null),
      ]),
      ...[...absent].map(([{ name }, why]) => [
        name,
        null,
        null,
        why,
        ...Array.from({ length: 6 + PACES.length }, () => null),
      ]),
    ],
    notes: [
      `Medians of ${rounds} rounds of ${seconds} s in which all take turns. Closed loop: so many pings under way at a time, of clients in turn, as gave the ` +
        `highest rate with fewer than 0.1 % lost (tried: ${LADDER.join(', ')}). CPU: user and system time of the server’s process, by the kernel. ` +
        (cores.server === null
          ? 'Processes could not be kept on cores here.'
          : `Servers are kept on core ${cores.server}, generators on core ${cores.generator}.`),
      'On a loopback the sender pays for the receiver’s side of the network stack too, the same for all. Where the generator is what limits, the ' +
        'server was not full: it could have gone faster, and batches less than a full one, so each ping costs it more than at its own limit. ' +
        'The generators seal the pings of peers before the measurement and open one pong in 64; ours seals and opens each.',
      `${TENTH}: nine pings of ten ask for no pong. Peers answer each.`,
      `${udpFloor.name} is no peer: Node receives a ping as long as ours, opens it, seals a pong and sends it, and does nothing else. ` +
        'What a server on Node takes is above that.',
      'libcoap answers its own pings (RFC 7252 section 4.3) at most four times a second, so its ping is a GET of what is not there.',
    ],
  }
}

function ratioTable(ratios: Record<string, Ratio | null>): Table {
  const row = (what: string, ratio: Ratio | null | undefined) => [what, ratio ? ratioText(ratio) : 'not measured here']
  return {
    title: `CPU per ping against ${REFERENCE}`,
    columns: ['', 'ratio'],
    rows: [
      row('a pong each time', ratios['mosquittoTls']),
      row('a pong every tenth time', ratios['mosquittoTlsTenth']),
      row(`${udpFloor.name}, a pong each time`, ratios['floor']),
    ],
    notes: [RATIO_METHOD],
  }
}

function workersTable(count: number, ratio: Ratio | null, packets: readonly number[]): Table {
  return {
    title: `CPU per ping with ${count} workers against one`,
    columns: ['', 'value'],
    rows: [
      ['CPU per ping, ratio', ratio === null ? null : ratioText(ratio)],
      [`pings that ${count} times the cores take, ratio`, ratio === null ? null : count / ratio.ratio],
      ...packets.map((taken, worker): [string, number] => [`packets of worker ${worker}`, taken]),
    ],
    notes: [
      'CPU of the whole process: of the main thread, which reads the socket for all workers, too. The second row is what the first comes to ' +
        'where there are cores for all threads: it is reckoned, not measured.',
    ],
  }
}

function plot(standings: ReadonlyMap<string, Standing>): Plot {
  const dots = (name: string, role: 'ours' | 'dots') => ({
    name,
    role,
    points: [...standings]
      .filter(([each]) => (each === EACH || each === TENTH) === (role === 'ours'))
      .map(([each, one]) => ({
        x: each,
        y: one.cpuMicrosPerPing,
        low: Math.min(...one.rounds),
        high: Math.max(...one.rounds),
      })),
  })
  return {
    name: 'cpu-per-ping',
    title: 'CPU time of the server for each ping, at its highest rate',
    kind: 'dots',
    x: { label: 'server', unit: null, scale: 'category' },
    y: { label: 'CPU per ping', unit: 'us', scale: 'linear', min: 0 },
    lines: [dots('Pilotlight', 'ours'), dots('peers', 'dots')].filter(({ points }) => points.length > 0),
    caption: 'Median and range over the rounds.',
  }
}
