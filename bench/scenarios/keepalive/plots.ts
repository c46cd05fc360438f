import type { Plot, PlotPoint } from '../../scenario.js'
import type { Row, Score } from './table.js'
import { RATIO_MAX, ratiosOf } from './verdict.js'

/** Ours against the best rival: joules and wake-ups a day of each row, and the ratio of joules by radio. */
export function keepalivePlots(rows: readonly Row[]): Plot[] {
  const counted = rows.filter((row) => ratiosOf(row) !== null)
  if (counted.length === 0) return []
  return [
    parity(counted, 'joules', 'energy', 'J/day', ({ joulesPerDay }) => joulesPerDay, 'best'),
    parity(counted, 'wakeups', 'wake-ups', '1/day', ({ wakeupsPerDay }) => wakeupsPerDay, 'fewestWakeups'),
    ratioPlot(counted),
  ]
}

type Number = (score: Omit<Score, 'policy'>) => number

function parity(rows: readonly Row[], name: string, label: string, unit: string, of: Number, best: keyof Row): Plot {
  const point = (row: Row): PlotPoint => ({ x: of(row[best] as Score), y: of(row.ours!) })
  const all = rows.map(point).flatMap(({ x, y }) => [x as number, y!])
  const ends = [Math.min(...all), Math.max(...all)]
  return {
    name,
    title: `${label[0]!.toUpperCase()}${label.slice(1)} of Pilotlight and of the best rival of each row`,
    kind: 'line',
    x: { label: `best rival: ${label}`, unit, scale: 'log' },
    y: { label: `ours: ${label}`, unit, scale: 'log' },
    lines: [
      { name: 'equal', points: ends.map((end) => ({ x: end, y: end })), role: 'guide' },
      ...natsOf(rows).map((nat) => ({
        name: nat.split('+')[0]!,
        points: rows.filter((row) => row.nat === nat).map(point),
        role: 'dots' as const,
      })),
    ],
    caption: 'Below the line ours needs less. Each row is a NAT and a radio; the best rival is chosen in hindsight.',
  }
}

function ratioPlot(rows: readonly Row[]): Plot {
  const profiles = [...new Set(rows.map(({ profile }) => profile))]
  const ratios = rows.map((row) => ratiosOf(row)!.joules)
  return {
    name: 'ratio',
    title: `Joules of Pilotlight over those of the best rival; the bound is ${RATIO_MAX}`,
    kind: 'dots',
    x: { label: 'radio', unit: null, scale: 'category' },
    y: {
      label: 'ours / best rival',
      unit: 'J/J',
      scale: 'linear',
      min: Math.floor(10 * Math.min(...ratios)) / 10,
      max: Math.ceil(10 * Math.max(RATIO_MAX, ...ratios)) / 10,
    },
    lines: [
      ...natsOf(rows).map((nat) => ({
        name: nat.split('+')[0]!,
        points: rows.filter((row) => row.nat === nat).map((row) => ({ x: row.profile, y: ratiosOf(row)!.joules })),
      })),
      { name: `bound ${RATIO_MAX}`, points: profiles.map((x) => ({ x, y: RATIO_MAX })), role: 'guide' as const },
    ],
  }
}

function natsOf(rows: readonly Row[]): string[] {
  return [...new Set(rows.map(({ nat }) => nat))]
}
