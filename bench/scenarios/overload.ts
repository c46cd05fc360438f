import { wholeNumber } from '../options.js'
import { type Probe, probeFacts } from '../ours/probes.js'
import { forgetPeak, peakRssOf } from '../ours/process-memory.js'
import type { Outcome, Plot, Request, Scenario, Table } from '../scenario.js'
import { type Crowd, type Round, withCrowd } from './overload/crowd.js'
import { type Offer, offerOf, SHARES } from './overload/offer.js'
import { recoverySeconds } from './overload/recovery.js'

const DEFAULTS = { devices: 6_000, seconds: 10, after: 15 }
/** The first rate that is tried, and how much more each next one is. */
const RATE_FIRST = 1_000
const RATE_STEP = 1.4
const RATE_MAX = 200_000
/** Each rate is tried for so long, or for the time of the overload where that is less, s. */
const TRY_MAX_S = 3
/** What is bearable: so much of each kind is served. */
const SERVED_LEAST = 0.98
/** As before: pongs within twice of what they took then at p99, and always within this, ms. */
const CALM_FACTOR = 2
const CALM_MS = 10
/** Shares are the same within this. */
const ALIKE = 0.02

/** Twice what the server bears, for a while: who is served, what memory it takes, and when it is over. */
export const overload: Scenario = {
  name: 'overload',
  summary: 'twice the load that the server bears: who is served first, memory, and how soon it is over',
  actions: [],
  options: {
    devices: { type: 'string', placeholder: 'N', help: `devices with a session; ${DEFAULTS.devices}` },
    rate: {
      type: 'string',
      placeholder: 'N',
      help: 'what the server bears, of all kinds a second; found if not given',
    },
    seconds: { type: 'string', placeholder: 'S', help: `of twice that; ${DEFAULTS.seconds}` },
    after: {
      type: 'string',
      placeholder: 'S',
      help: `after its end, until pongs must be as before; ${DEFAULTS.after}`,
    },
  },
  wordsInAll: [[]],
  wordsInSmoke: [['--devices', '240', '--rate', '100', '--seconds', '2', '--after', '3']],
  checkSmoke: ({ result }) => {
    const { servedShare, offeredPerSecond, rssBytesPeak } = result as Result
    const isServed = Object.values(servedShare).every((share) => share > 0)
    return isServed && offeredPerSecond > 100 && rssBytesPeak > 0 ? [] : [`overload: ${JSON.stringify(result)}`]
  },
  run,
}

type Served = Record<keyof Offer, number>

/** What `--json` prints. */
interface Result {
  devices: number
  sustainablePerSecond: number
  offeredPerSecond: number
  servedShare: Served
  rssBytesBefore: number
  rssBytesPeak: number
  recoverySeconds: number | null
}

async function run({ values, seed, progress }: Request): Promise<Outcome> {
  const devices = wholeNumber(values['devices'], 'devices', 60, DEFAULTS.devices)
  const given = values['rate'] === undefined ? null : wholeNumber(values['rate'], 'rate', 50, 0)
  const seconds = wholeNumber(values['seconds'], 'seconds', 1, DEFAULTS.seconds)
  const afterS = wholeNumber(values['after'], 'after', 1, DEFAULTS.after)
  const tell = (line: string) => progress(`overload: ${line}`)
  const tryS = Math.min(TRY_MAX_S, seconds)
  const mostPerSecond = given === null ? RATE_MAX : 2 * given
  const facts = await withCrowd({ devices, seed, mostPerSecond, seconds, progress: tell }, async (crowd) => {
    const { sustainable, rounds } = await sustainableOf(crowd, given, tryS, tell)
    return { sustainable, rounds, ...(await overloaded(crowd, { sustainable, seconds, afterS, tryS }, tell)) }
  })
  const { round, sustainable, recoveredS, before, rssBytesBefore, rssBytesPeak } = facts
  const servedShare = servedOf(round)
  const isOrderKept =
    servedShare.pings >= servedShare.handshakes - ALIKE && servedShare.rings >= servedShare.presence - ALIKE
  const result: Result & Record<string, unknown> = {
    devices,
    sustainablePerSecond: sustainable,
    offeredPerSecond: sum(round.offered) / seconds,
    servedShare,
    rssBytesBefore,
    rssBytesPeak,
    recoverySeconds: recoveredS,
    isOrderKept,
    offered: round.offered,
    served: round.served,
    skippedPings: round.skippedPings,
    refused: round.refused,
    dropped: round.dropped,
    serverBusy: round.serverBusy,
    pongBefore: before,
    pongDuring: probeFacts(round.probes),
  }
  return {
    result,
    parameters: { devices, rate: given, seconds, afterSeconds: afterS, shares: SHARES },
    tables: [servedTable(round, seconds), factTable(result), ...triesTable(facts.rounds, tryS)],
    plots: [servedPlot(servedShare), plot([...round.probes, ...facts.after], round.endMs)],
    exitCode: isOrderKept && recoveredS !== null ? 0 : 1,
  }
}

interface Try {
  perSecond: number
  round: Round
  isBorne: boolean
}

/** The highest rate of which nearly everything is served and which the load processes could offer. */
async function sustainableOf(
  crowd: Crowd,
  given: number | null,
  tryS: number,
  tell: (line: string) => void,
): Promise<{ sustainable: number; rounds: Try[] }> {
  // Code is compiled, tables have grown.
  const first = given ?? RATE_FIRST
  await crowd.round(offerOf(first), tryS)
  if (given !== null) return { sustainable: given, rounds: [] }
  const rounds: Try[] = []
  for (let rate = RATE_FIRST; rate <= RATE_MAX; rate *= RATE_STEP) {
    const perSecond = Math.round(rate)
    const round = await crowd.round(offerOf(perSecond), tryS)
    const least = Math.min(...Object.values(servedOf(round)))
    const isBorne = least >= SERVED_LEAST && sum(round.offered) >= SERVED_LEAST * perSecond * tryS
    rounds.push({ perSecond, round, isBorne })
    tell(`${perSecond}/s: of each kind at least ${(100 * least).toFixed(1)} % served`)
    if (!isBorne) break
  }
  const borne = rounds.findLast(({ isBorne }) => isBorne)
  return { sustainable: borne?.perSecond ?? RATE_FIRST, rounds }
}

/** What it bears, twice that, and then half of that again. */
async function overloaded(
  crowd: Crowd,
  { sustainable, seconds, afterS, tryS }: { sustainable: number; seconds: number; afterS: number; tryS: number },
  tell: (line: string) => void,
) {
  const calm = await crowd.round({ ...offerOf(sustainable), handshakes: 0, rings: 0, presence: 0 }, tryS)
  const before = probeFacts(calm.probes)
  const { pid } = crowd.server
  const rssBytesBefore = crowd.server.memory().rssBytes
  forgetPeak(pid)
  tell(`twice ${sustainable}/s for ${seconds} s`)
  const round = await crowd.round(offerOf(2 * sustainable), seconds, afterS)
  const limitMs = Math.max(CALM_MS, CALM_FACTOR * (before.p99Ms ?? CALM_MS))
  const recoveredS = recoverySeconds(round.after, round.endMs, limitMs)
  tell(`as before after ${recoveredS} s`)
  const rssBytesPeak = peakRssOf(pid) ?? crowd.server.memory().rssBytes
  return { round, before, after: round.after, recoveredS, rssBytesBefore, rssBytesPeak }
}

function servedOf({ offered, served }: Round): Served {
  const share = (kind: keyof Offer) => (offered[kind] === 0 ? 1 : served[kind] / offered[kind])
  return {
    pings: share('pings'),
    handshakes: share('handshakes'),
    rings: share('rings'),
    presence: share('presence'),
  }
}

function sum({ pings, handshakes, rings, presence }: Offer): number {
  return pings + handshakes + rings + presence
}

function servedTable({ offered, served }: Round, seconds: number): Table {
  const row = (what: string, kind: keyof Offer) => {
    return [what, offered[kind] / seconds, served[kind] / seconds, (100 * served[kind]) / Math.max(1, offered[kind])]
  }
  return {
    title: 'At twice the load that the server bears',
    columns: ['what', 'offered 1/s', 'served 1/s', 'served %'],
    rows: [
      row('pings of known devices', 'pings'),
      row('handshakes of others', 'handshakes'),
      row('rings', 'rings'),
      row('presence reads', 'presence'),
    ],
    notes: [
      'Served: a ping that had its pong within a second; a handshake whose first packet was answered, however often the device tried; a ring whose ' +
        'accept its sender was told; a read that had its answer, all before the load ended (rings: up to 3 s later). Connections of the ' +
        'applications are divided between rings and reads as their numbers are.',
    ],
  }
}

function factTable(result: Result & Record<string, unknown>): Table {
  const { refused, dropped } = result as unknown as Round
  const pong = result['pongBefore'] as ReturnType<typeof probeFacts>
  const during = result['pongDuring'] as ReturnType<typeof probeFacts>
  return {
    title: 'Before, during and after',
    columns: ['what', 'number'],
    rows: [
      ['load that it bears, 1/s', result.sustainablePerSecond],
      ['offered, 1/s', result.offeredPerSecond],
      ['resident memory before, bytes', result.rssBytesBefore],
      ['resident memory at its peak, bytes', result.rssBytesPeak],
      ['probe ping to pong before, p99 ms', pong.p99Ms],
      ['probe ping to pong during, p99 ms', during.p99Ms],
      ['probe pings lost during, of all %', (100 * during.lost) / Math.max(1, during.probes)],
      ['seconds from the end until pongs are as before', result.recoverySeconds],
      ['pings that were due and not sent', Number(result['skippedPings'])],
      ['cores that the server used', Number(result['serverBusy'])],
      ...Object.entries(refused).map(([why, count]): [string, number] => [`HTTP, not served: ${why}`, count]),
      ...Object.entries(dropped).map(([why, count]): [string, number] => [`dropped by the server: ${why}`, count]),
    ],
    notes: [
      `As before: in two half seconds in a row no probe is lost, and their p99 is at most ${CALM_FACTOR} times that of before, or ${CALM_MS} ms. After the end known ` +
        'devices go on at half of the pings that it bears. Peak memory is the kernel’s high-water mark from the begin of the overload on, ' +
        'where it lets that be set back.',
      'The server is kept on one core, the load processes on another where there is one. Pings that were not sent say that those were the limit, or that a ' +
        'device’s socket still waited for a pong.',
    ],
  }
}

function triesTable(rounds: readonly Try[], tryS: number): Table[] {
  if (rounds.length === 0) return []
  return [
    {
      title: 'The load that it bears',
      columns: ['asked 1/s', 'offered 1/s', 'pings %', 'handshakes %', 'rings %', 'presence %', 'borne'],
      rows: rounds.map(({ perSecond, round, isBorne }) => {
        const share = servedOf(round)
        const shares = [share.pings, share.handshakes, share.rings, share.presence].map((one) => 100 * one)
        return [perSecond, sum(round.offered) / tryS, ...shares, isBorne ? 'yes' : 'no']
      }),
      notes: [
        `Each for ${tryS} s, ${RATE_STEP} times the last one, until less than ${100 * SERVED_LEAST} % of a kind is served or less than that could be offered.`,
      ],
    },
  ]
}

function servedPlot({ pings, handshakes, rings, presence }: Served): Plot {
  const bar = (x: string, share: number) => ({ x, y: 100 * share })
  return {
    name: 'overload-served',
    title: 'Served at twice the load that the server bears',
    kind: 'bars',
    x: { label: 'what', unit: null, scale: 'category' },
    y: { label: 'served', unit: '%', scale: 'linear', min: 0, max: 100 },
    lines: [
      { name: 'channel', role: 'ours', points: [bar('pings', pings), bar('handshakes', handshakes)] },
      { name: 'HTTP', points: [bar('rings', rings), bar('presence reads', presence)] },
    ],
    caption: 'Pings of known devices come before handshakes of others, rings before reads of presence.',
  }
}

/** The slowest probe of each tenth of a second. */
function plot(probes: readonly Probe[], endMs: number): Plot {
  const slowest = new Map<number, number>()
  for (const { dueMs, waitedMs } of probes) {
    const tenth = Math.floor((dueMs - endMs) / 100)
    if (waitedMs !== null) slowest.set(tenth, Math.max(waitedMs, slowest.get(tenth) ?? 0))
    else if (!slowest.has(tenth)) slowest.set(tenth, Number.NaN)
  }
  const points = [...slowest].sort(([a], [b]) => a - b)
  return {
    name: 'overload-pong',
    title: 'Probe pings of a known device: during overload, and after its end at 0',
    kind: 'line',
    x: { label: 'time after the end of the overload', unit: 's', scale: 'linear' },
    y: { label: 'slowest pong of a tenth of a second', unit: 'ms', scale: 'log' },
    lines: [
      {
        name: 'ping to pong',
        role: 'ours',
        points: points.map(([tenth, ms]) => ({ x: tenth / 10, y: Number.isNaN(ms) ? null : ms })),
      },
    ],
    caption: 'Gaps: every probe of that time was lost.',
  }
}
