import type { Table } from '../../scenario.js'
import type { ValidationRow } from './validate.js'

/** Every row with source, expected, got and error. */
export function validationTables(rows: readonly ValidationRow[]): Table[] {
  return [
    {
      title: 'Models against published figures',
      columns: ['row', 'grade', 'what', 'expected', 'got', 'unit', 'error', 'tolerance', 'verdict', 'source'],
      rows: rows.map(({ id, grade, what, expected, got, unit, error, tolerance, verdict, reason, source }) => [
        id,
        grade,
        what,
        typeof expected === 'number' ? expected : `${expected[0]} to ${expected[1]}`,
        got,
        unit,
        error === null ? null : `${(100 * error).toFixed(2)} %`,
        toleranceText(tolerance),
        reason === '' ? verdict : `${verdict}: ${reason}`,
        source,
      ]),
      notes: [
        'Source keys are those of ../shared/research/energy-nat.md, section 8. F found, C computed, M from memory.',
      ],
    },
  ]
}

function toleranceText(tolerance: ValidationRow['tolerance']): string {
  if (tolerance === null) return 'in the range'
  return 'ratio' in tolerance ? `${Number((100 * tolerance.ratio).toPrecision(3))} %` : String(tolerance.absolute)
}
