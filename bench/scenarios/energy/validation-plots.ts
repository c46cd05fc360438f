import type { Plot, PlotLine } from '../../scenario.js'
import type { ValidationRow } from './validate.js'

/** What was published against what the models give, and how much of its tolerance each figure uses. */
export function validationPlots(rows: readonly ValidationRow[]): Plot[] {
  const known = rows.filter(({ got }) => got !== null)
  return [parity(known), useOfTolerance(known)]
}

/** Units are mixed: only the distance to the line counts. */
function parity(rows: readonly ValidationRow[]): Plot {
  const points = (grade: 'A' | 'B') =>
    rows
      .filter((row) => row.grade === grade)
      .map((row) => ({ x: middle(row), y: row.got! }))
      .filter(({ x, y }) => x > 0 && y > 0)
  const all = [...points('A'), ...points('B')].flatMap(({ x, y }) => [x, y])
  const ends = [Math.min(...all), Math.max(...all)].map((end) => ({ x: end, y: end }))
  return {
    name: 'parity',
    title: 'Published figures and what the models give',
    kind: 'line',
    x: { label: 'published', unit: 'J, s, mA or relative', scale: 'log' },
    y: { label: 'model', unit: 'the same unit', scale: 'log' },
    lines: [
      { name: 'equal', points: ends, role: 'guide' },
      { name: 'grade A', points: points('A'), role: 'dots' },
      { name: 'grade B', points: points('B'), role: 'dots' },
    ],
    caption: 'Figures of zero are left out, and of ranges the middle is shown.',
  }
}

/** The largest of each row of the validation table; 1 is the limit. */
function useOfTolerance(rows: readonly ValidationRow[]): Plot {
  const lineOf = (grade: 'A' | 'B'): PlotLine => {
    const ofGrade = rows.filter((row) => row.grade === grade)
    const ids = [...new Set(ofGrade.map(({ id }) => id))]
    const largest = (id: string) => Math.max(...ofGrade.filter((row) => row.id === id).map(shareOfTolerance))
    return { name: `grade ${grade}`, points: ids.map((id) => ({ x: id, y: largest(id) })) }
  }
  return {
    name: 'tolerance',
    title: 'Share of its tolerance that each validation row uses; above 1 it is out',
    kind: 'bars',
    x: { label: 'row of the validation table', unit: null, scale: 'category' },
    y: { label: 'error / tolerance', unit: null, scale: 'linear', min: 0, max: 1 },
    lines: [lineOf('A'), lineOf('B')],
    caption: 'Of rows with several figures the one with the largest share.',
  }
}

function middle({ expected }: ValidationRow): number {
  return typeof expected === 'number' ? expected : (expected[0] + expected[1]) / 2
}

function shareOfTolerance({ expected, got, tolerance }: ValidationRow): number {
  if (typeof expected !== 'number') {
    const [from, to] = expected
    return Math.abs(got! - (from + to) / 2) / ((to - from) / 2)
  }
  const allowed = tolerance === null ? 0 : 'ratio' in tolerance ? tolerance.ratio * expected : tolerance.absolute
  if (got === expected) return 0
  return Math.abs(got! - expected) / allowed
}
