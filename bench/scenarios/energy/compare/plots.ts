import type { Plot, PlotLine } from '../../../scenario.js'
import type { ChannelScore, CompareRow } from './run.js'

/** Radios of the plots; the tables have all. */
const SHOWN = ['huang-3g-2012', 'lte-verizon-2020', 'sa-tmobile-lowband-2020', 'huang-wifi-2012']
/** Of plots that show one radio. */
export const SHOWN_ALONE = 'lte-verizon-2020'
const OURS = 'pilotlight'

/** Energy by channel and radio, energy against missed rings, ratios to ours, bytes. */
export function comparePlots(rows: readonly CompareRow[], days: number): Plot[] {
  const nats = [...new Set(rows.map(({ nat }) => nat))]
  const profiles = [...new Set(rows.map(({ profile }) => profile))]
  const shown = SHOWN.filter((name) => profiles.includes(name))
  const radios = shown.length > 0 ? shown : profiles.slice(0, SHOWN.length)
  const alone = radios.includes(SHOWN_ALONE) ? SHOWN_ALONE : radios[0]!
  const ofRadio = rows.filter(({ profile }) => profile === alone)
  const span = days === 1 ? 'a day' : `${days} days`
  return [
    ...nats.map((nat) =>
      energyPlot(
        rows.filter((row) => row.nat === nat && radios.includes(row.profile)),
        span,
      ),
    ),
    ...ofRadio.map((row) => tradePlot(row, span)),
    ratioPlot(ofRadio, alone, span),
    bytesPlot(ofRadio, alone, span),
  ]
}

/** The names of a row's UDP side is enough: TCP goes with it. */
function shortNat({ nat }: CompareRow): string {
  return nat.split('+')[0]!
}

function fileNat(row: CompareRow): string {
  return shortNat(row).replaceAll('.', '-')
}

function energyPlot(rows: readonly CompareRow[], span: string): Plot {
  return {
    name: `joules-${fileNat(rows[0]!)}`,
    title: `Energy of ${span} of each channel behind ${shortNat(rows[0]!)}, by radio`,
    kind: 'dots',
    x: { label: 'channel', unit: null, scale: 'category' },
    y: { label: 'energy above idle and other traffic', unit: 'J/day', scale: 'log' },
    lines: rows.map(({ profile, channels, floor }) => ({
      name: profile,
      points: [
        { x: 'rings alone', y: floor.joulesPerDay },
        ...channels.map(({ channel, joulesPerDay, joulesQuartile1, joulesQuartile3 }) => ({
          x: channel,
          y: joulesPerDay,
          low: joulesQuartile1,
          high: joulesQuartile3,
        })),
      ],
    })),
    caption: 'Means over the phones, with quartiles. “Rings alone” is what no channel goes below.',
  }
}

function tradePlot(row: CompareRow, span: string): Plot {
  return {
    name: `trade-${fileNat(row)}`,
    title: `Energy and missed rings of ${span} behind ${shortNat(row)}, ${row.profile}`,
    kind: 'points',
    x: { label: 'energy above idle and other traffic', unit: 'J/day', scale: 'log' },
    y: { label: 'rings not there within 3 s', unit: '%', scale: 'log' },
    lines: row.channels.map((score) => ({
      name: score.channel,
      points: [{ x: score.joulesPerDay, y: 100 * Math.max(1e-4, 1 - score.reachability) }],
      ...(score.channel === OURS ? { role: 'ours' as const } : {}),
    })),
    caption:
      'Left and below is better. Channels called “best” have the interval that is best here, known in hindsight.',
  }
}

function ratioPlot(rows: readonly CompareRow[], profile: string, span: string): Plot {
  const others = rows[0]!.channels.map(({ channel }) => channel).filter((channel) => channel !== OURS)
  const line = (row: CompareRow): PlotLine => ({
    name: shortNat(row),
    points: row.channels
      .filter(({ toOurs }) => toOurs !== null)
      .map(({ channel, toOurs }) => ({
        x: channel,
        y: toOurs!.ratio,
        ...(toOurs!.low === null ? {} : { low: toOurs!.low, high: toOurs!.high! }),
      })),
  })
  return {
    name: 'ratio',
    title: `Energy of ${span} of each channel over that of Pilotlight, ${profile}`,
    kind: 'dots',
    x: { label: 'channel', unit: null, scale: 'category' },
    y: { label: 'energy over that of Pilotlight', unit: 'J/J', scale: 'log' },
    lines: [
      ...rows.map(line),
      { name: 'as much as Pilotlight', role: 'guide', points: others.map((x) => ({ x, y: 1 })) },
    ],
    caption:
      'Medians over phones with the same life, with 95 % confidence intervals. Left of the line a channel needs less ' +
      'than Pilotlight; whether it reaches the phone is in the plots of missed rings.',
  }
}

function bytesPlot(rows: readonly CompareRow[], profile: string, span: string): Plot {
  return {
    name: 'bytes',
    title: `Bytes a day of each channel, ${span}, ${profile}`,
    kind: 'dots',
    x: { label: 'channel', unit: null, scale: 'category' },
    y: { label: 'IP packets, both directions', unit: 'B/day', scale: 'log' },
    lines: rows.map((row) => ({
      name: shortNat(row),
      points: row.channels.map(({ channel, bytesPerDay }: ChannelScore) => ({ x: channel, y: bytesPerDay })),
    })),
  }
}
