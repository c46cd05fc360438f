/** Holds the models to published figures: each row of `models/validation.json` is measured, and judged. */
import { loadTable } from '../../models/load.js'
import { MEASURES } from './measures.js'

/** A published figure, and how to get it out of the models. */
export interface PublishedFigure {
  /** row of the validation table in energy-nat.md 6 */
  id: string
  what: string
  /** A is judged in CI and makes a profile fit for the keepalive table; B as well, with the fit that `source` states */
  grade: 'A' | 'B'
  source: string
  /** one number, or a range */
  expected: number | readonly [from: number, to: number]
  unit: string
  /** relative or absolute; a range has none */
  tolerance: { ratio: number } | { absolute: number } | null
  /** name in MEASURES */
  measure: string
  arguments: Readonly<Record<string, unknown>>
}

/** A figure that was measured. */
export interface ValidationRow extends PublishedFigure {
  /** null: skipped */
  got: number | null
  /** difference to what was expected, or to the nearer end of the range, relative to it */
  error: number | null
  verdict: 'ok' | 'out' | 'skipped'
  reason: string
}

/** @param seed for those figures that are drawn. */
export function validateAll(seed: string): ValidationRow[] {
  return publishedFigures().map((figure) => validateOne(figure, seed))
}

export function publishedFigures(): PublishedFigure[] {
  return loadTable('validation.json') as PublishedFigure[]
}

/** @throws Error if the row names no measure. */
export function validateOne(figure: PublishedFigure, seed: string): ValidationRow {
  const measure = MEASURES[figure.measure]
  if (measure === undefined) throw new Error(`validation.json: ${figure.id} names no measure: ${figure.measure}`)
  const got = measure(figure.arguments, seed)
  if (got === null) {
    return { ...figure, got, error: null, verdict: 'skipped', reason: '../shared/energybox is not there' }
  }
  const { expected, tolerance } = figure
  const nearest = typeof expected === 'number' ? expected : Math.max(expected[0], Math.min(expected[1], got))
  const error = nearest === 0 ? got - nearest : (got - nearest) / nearest
  const allowed = tolerance === null ? 0 : 'ratio' in tolerance ? tolerance.ratio * nearest : tolerance.absolute
  const isOk = Math.abs(got - nearest) <= allowed
  return { ...figure, got, error, verdict: isOk ? 'ok' : 'out', reason: '' }
}
