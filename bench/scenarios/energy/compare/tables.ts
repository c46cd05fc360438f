import type { Series, Table } from '../../../scenario.js'
import { RATIO_METHOD, ratioText } from '../../../statistics.js'
import { REACHABILITY_MIN } from '../../keepalive/table.js'
import type { Channel } from './channels.js'
import { SHOWN_ALONE } from './plots.js'
import { type ChannelScore, type CompareRow, type CompareSize, RINGS_PER_DAY } from './run.js'
import { activityBytes, RING_TEXT_BYTES } from './wire.js'

type Facts = CompareSize & { unproved: readonly { name: string; reason: string }[] }

/** What costs less than ours, energy of all rows, one radio in full, and what each channel sends. */
export function compareTables(rows: readonly CompareRow[], channels: readonly Channel[], facts: Facts): Table[] {
  const nats = [...new Set(rows.map(({ nat }) => nat))]
  const radio = rows.some(({ profile }) => profile === SHOWN_ALONE) ? SHOWN_ALONE : rows[0]!.profile
  return [
    cheaperTable(rows),
    ...nats.map((nat) => fullTable(rows.find((row) => row.nat === nat && row.profile === radio)!)),
    ...nats.map((nat) => energyTable(nat, rows, facts)),
    channelTable(channels),
  ]
}

/** Every number of every row. */
export function compareSeries(rows: readonly CompareRow[]): Series {
  return {
    name: 'rows',
    columns: [
      'nat',
      'profile',
      'channel',
      'policy',
      'energy J/day',
      'energy quartile 1 J/day',
      'energy quartile 3 J/day',
      'energy of rings alone J/day',
      'wake-ups 1/day',
      'bytes B/day',
      'reachability',
      'rings',
      'rings reached',
      'energy over ours',
      'its low',
      'its high',
    ],
    rows: rows.flatMap(({ nat, profile, floor, channels }) =>
      channels.map((score) => [
        nat,
        profile,
        score.channel,
        score.policy,
        score.joulesPerDay,
        score.joulesQuartile1,
        score.joulesQuartile3,
        floor.joulesPerDay,
        score.wakeupsPerDay,
        score.bytesPerDay,
        score.reachability,
        score.rings,
        score.ringsReached,
        score.toOurs?.ratio ?? null,
        score.toOurs?.low ?? null,
        score.toOurs?.high ?? null,
      ]),
    ),
  }
}

/** The unfavourable cases. */
function cheaperTable(rows: readonly CompareRow[]): Table {
  const cases = rows.flatMap(({ nat, channels }) =>
    channels
      .filter(({ toOurs, channel }) => toOurs !== null && toOurs.ratio < 1 && !channel.startsWith('pilotlight'))
      .map((score) => ({ nat, score, ours: channels[0]! })),
  )
  const keyOf = ({ nat, score }: (typeof cases)[number]) => `${nat} ${score.channel}`
  const groups = [...new Set(cases.map(keyOf))].map((key) => cases.filter((each) => keyOf(each) === key))
  return {
    title: `Where another channel needs fewer joules than Pilotlight: ${cases.length} cases in ${rows.length} rows`,
    columns: ['NAT', 'channel', 'radios', 'of', 'lowest ratio', 'its reachability', 'ours there'],
    rows: groups.map((group) => {
      const lowest = group.reduce((a, b) => (b.score.toOurs!.ratio < a.score.toOurs!.ratio ? b : a))
      const radios = rows.filter(({ nat }) => nat === lowest.nat).length
      const { nat, score, ours } = lowest
      return [nat, score.channel, group.length, radios, score.toOurs!.ratio, percent(score), percent(ours)]
    }),
    notes: [
      'A channel that keeps no mapping alive costs little and is seldom reached. On a phone where FCM or APNs runs ' +
        'anyway, an application that uses it adds its rings alone: what the plots and tables call rings alone. No channel ' +
        'of its own, and not ours either, can beat that.',
      RATIO_METHOD,
    ],
  }
}

function fullTable({ nat, profile, channels, floor }: CompareRow): Table {
  return {
    title: `${nat}, ${profile}`,
    columns: [
      'channel',
      'policy',
      'J/day',
      'wake-ups/day',
      'B/day',
      'reachability',
      'rings reached',
      'J over those of Pilotlight',
    ],
    rows: [
      ['rings alone', null, floor.joulesPerDay, floor.wakeupsPerDay, null, null, null, null],
      ...channels.map((score) => [
        score.channel,
        score.policy,
        score.joulesPerDay,
        score.wakeupsPerDay,
        Math.round(score.bytesPerDay),
        percent(score) + (score.reachability < REACHABILITY_MIN ? ' (below 99 %)' : ''),
        `${score.ringsReached} of ${score.rings}`,
        score.toOurs === null ? null : ratioText(score.toOurs),
      ]),
    ],
  }
}

function energyTable(nat: string, rows: readonly CompareRow[], { phones, days, unproved }: Facts): Table {
  const ofNat = rows.filter((row) => row.nat === nat)
  const columns = ofNat[0]!.channels.map(({ channel }) => channel)
  const mark = (profile: string) => (unproved.some(({ name }) => name === profile) ? `${profile} *` : profile)
  return {
    title: `${nat}: J/day of every radio`,
    columns: ['radio', 'rings alone', ...columns],
    rows: ofNat.map(({ profile, floor, channels }) => [
      mark(profile),
      floor.joulesPerDay,
      ...channels.map(({ joulesPerDay }) => joulesPerDay),
    ]),
    notes: [
      `${phones} phones, ${days} ${days === 1 ? 'day' : 'days'}, ${RINGS_PER_DAY} rings a day. Joules are above idle ` +
        'and above other applications’ traffic. Radios with * have no published figure that `energy validate` ' +
        'holds them to, or are not those of phones.',
    ],
  }
}

function channelTable(channels: readonly Channel[]): Table {
  return {
    title: `What each channel sends: bytes of IP packets, a ring with ${RING_TEXT_BYTES} B of text`,
    columns: ['channel', 'transport', 'keepalive', 'connect', 'ring', 'policy', 'bytes from'],
    rows: channels.flatMap(({ name, wires, source }) =>
      Object.entries(wires).map(([transport, wire]) => [
        name,
        transport,
        activityBytes(wire, 'exchange'),
        transport === 'tcp' ? activityBytes(wire, 'connect') : null,
        activityBytes(wire, 'ring'),
        source,
        wire.source,
      ]),
    ),
    notes: [
      'All live the same lives, seeded: parameters in result.json has every assumption. Learning starts from nothing. ' +
        'UDP channels have their session from before the life and keep it (in favour of QUIC). NAT data are of 2010-2016.',
    ],
  }
}

function percent({ reachability }: ChannelScore): string {
  return `${(100 * reachability).toFixed(2)} %`
}
