import { availableParallelism } from 'node:os'
import { wholeNumber } from '../options.js'
import type { RunCounts } from '../ours/exchanges.js'
import { openLoad } from '../ours/load.js'
import { onStage, settleAll } from '../ours/stage.js'
import type { StormCounts } from '../ours/storm.js'
import type { Outcome, Request, Scenario, Table } from '../scenario.js'

const DEFAULTS = { devices: 2_000, known: 200, seconds: 300 }
/** Sockets of the storm: as many handshakes are under way at most. */
const LANES_MAX = 8_192
/** Pings of each known device, seconds between. */
const KNOWN_EVERY_S = 1
/** The known devices are pinged in pieces so long, until the storm is over, s. */
const PIECE_S = 2

/** All devices of a server that lost its sessions come back at once. */
export const storm: Scenario = {
  name: 'storm',
  summary: 'devices that all handshake at once: handshakes a second, and what devices with a session feel meanwhile',
  actions: [],
  options: {
    devices: { type: 'string', placeholder: 'N', help: `devices that come back; ${DEFAULTS.devices}` },
    known: { type: 'string', placeholder: 'N', help: `devices with a session, a ping a second; ${DEFAULTS.known}` },
    seconds: { type: 'string', placeholder: 'S', help: `gives up after; ${DEFAULTS.seconds}` },
  },
  wordsInAll: [['--devices', '100000', '--seconds', '600']],
  wordsInSmoke: [['--devices', '300', '--known', '20']],
  checkSmoke: ({ exitCode, result }) => (exitCode === 0 ? [] : [`storm: ${JSON.stringify(result)}`]),
  run,
}

/** What one storm was. */
interface Facts {
  counts: StormCounts
  known: RunCounts
  serverMicros: number
  loadMicros: number | null
  lanes: number
  dropped: Record<string, number>
  committed: number
}

async function run({ values, seed, progress }: Request): Promise<Outcome> {
  const devices = wholeNumber(values['devices'], 'devices', 1, DEFAULTS.devices)
  const known = wholeNumber(values['known'], 'known', 1, DEFAULTS.known)
  const seconds = wholeNumber(values['seconds'], 'seconds', 1, DEFAULTS.seconds)
  const facts = await storming({ devices, known, seconds, seed, progress: (line) => progress(`storm: ${line}`) })
  const { counts } = facts
  const cpuMicrosPerHandshake = facts.serverMicros / Math.max(1, counts.done)
  const lastSeconds = counts.allSeconds ?? counts.seconds
  const knownAnsweredShare = facts.known.asked === 0 ? 0 : facts.known.answered / facts.known.asked
  return {
    result: {
      devices,
      handshakes: counts.done,
      handshakesPerSecond: counts.done / lastSeconds,
      handshakesPerSecondPerCore: 1e6 / cpuMicrosPerHandshake,
      cpuMicrosPerHandshake,
      halfSeconds: counts.halfSeconds,
      mostSeconds: counts.mostSeconds,
      allSeconds: counts.allSeconds,
      known,
      knownPings: facts.known.asked,
      knownAnswered: facts.known.answered,
      knownAnsweredShare,
      messages1: counts.messages1,
      cookies: counts.cookies,
      refused: counts.refused,
      unanswered: counts.unanswered,
      loadMicrosPerHandshake: facts.loadMicros === null ? null : facts.loadMicros / Math.max(1, counts.done),
    },
    parameters: { devices, known, seconds, lanes: facts.lanes, knownEverySeconds: KNOWN_EVERY_S },
    tables: [stormTable(facts, cpuMicrosPerHandshake, lastSeconds)],
    exitCode: counts.done === devices && facts.committed >= devices ? 0 : 1,
  }
}

function storming(plan: {
  devices: number
  known: number
  seconds: number
  seed: string
  progress: (line: string) => void
}): Promise<Facts> {
  const { devices, known, seconds, seed, progress } = plan
  const lanes = Math.min(devices, LANES_MAX)
  const stagePlan = { seed, devices: known + devices, live: known, lanes, isPinned: true, progress }
  return onStage(stagePlan, async ({ facts, server, load }) => {
    const steady = await openLoad({
      facts,
      target: server.target,
      seed: `${seed} known`,
      lanes: Math.min(known, 256),
      transport: 'udp',
    })
    try {
      await settleAll(steady, 0, known)
      progress(`${known} devices have a session, ${devices} come now`)
      const [serverBefore, loadBefore] = [server.cpuMicros(), load.cpuMicros()]
      let isOver = false
      const storming = load.call('storm', { from: known, to: known + devices, seconds }).finally(() => {
        isOver = true
      })
      const felt: RunCounts[] = []
      do felt.push(await steady.call('run', { to: known, seconds: PIECE_S, perSecond: known / KNOWN_EVERY_S }))
      while (!isOver)
      const counts = await storming
      const serverMicros = server.cpuMicros() - serverBefore
      const loadAfter = load.cpuMicros()
      const metrics = await server.metrics()
      const dropped: Record<string, number> = {}
      for (const [name, value] of metrics) {
        const reason = /^pilotlight_datagrams_dropped_total\{reason="(.*)"\}$/.exec(name)?.[1]
        if (reason !== undefined && value > 0) dropped[reason] = value
      }
      return {
        counts,
        known: sum(felt),
        serverMicros,
        loadMicros: loadBefore === null || loadAfter === null ? null : loadAfter - loadBefore,
        lanes,
        dropped,
        committed: metrics.get('pilotlight_handshakes_total') ?? 0,
      }
    } finally {
      await steady.close()
    }
  })
}

function sum(runs: readonly RunCounts[]): RunCounts {
  const add = (of: (run: RunCounts) => number) => runs.reduce((total, each) => total + of(each), 0)
  return {
    sent: add((each) => each.sent),
    asked: add((each) => each.asked),
    answered: add((each) => each.answered),
    lost: add((each) => each.lost),
    skipped: add((each) => each.skipped),
    seconds: add((each) => each.seconds),
    roundTrips: [],
  }
}

function stormTable(facts: Facts, cpuMicros: number, lastSeconds: number): Table {
  const { counts, known, lanes, dropped } = facts
  const loadMicros = facts.loadMicros === null ? null : facts.loadMicros / Math.max(1, counts.done)
  return {
    title: `${counts.done} of ${counts.devices} devices handshook`,
    columns: ['what', 'number'],
    rows: [
      ['handshakes a second', counts.done / lastSeconds],
      ['CPU of the server for a handshake, us', cpuMicros],
      ['handshakes a second of one core', 1e6 / cpuMicros],
      ['CPU of the load process for a handshake, us', loadMicros],
      ['seconds until half had a session', counts.halfSeconds],
      ['seconds until 99 % had one', counts.mostSeconds],
      ['seconds until all had one', counts.allSeconds],
      ['messages 1', counts.messages1],
      ['cookies', counts.cookies],
      ...Object.entries(counts.refused).map(([code, number]): [string, number] => [`refused, code ${code}`, number]),
      ['attempts without an answer', counts.unanswered],
      ['pings of known devices', known.asked],
      ['of these answered within a second', known.answered],
      ['of these due and not sent, as the load process was late', known.skipped],
      ...Object.entries(dropped).map(([reason, number]): [string, number] => [
        `dropped by the server: ${reason}`,
        number,
      ]),
    ],
    notes: [
      'The server has no session of these devices. No device waits at first, and each repeats as wire-spec §9.3 says. CPU of the ' +
        'server is that of all its threads (the store commits each session), with the pings of the known devices in it.',
      `${lanes} handshakes can be under way at a time: one for each socket, each with an address of its own; a device whose socket ` +
        `is taken comes a little later. The load process computes its side of each handshake: with ${availableParallelism()} cores for ` +
        'both and the known devices, it may be the limit; the handshakes of one core are those of the server alone.',
    ],
  }
}
