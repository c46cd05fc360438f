/** Parameters of calls, checked. */
import type { Params } from './call-socket.js'
import { ServerError } from './server-error.js'

/** A text that must be there and not be empty. @throws ServerError PL_BAD_ARGUMENT. */
export function textOf(params: Params, name: string): string {
  const value = params[name]
  if (typeof value === 'string' && value !== '') return value
  throw new ServerError('PL_BAD_ARGUMENT', `${name} must be a text`)
}

/** A whole number, `fallback` if it is missing. @throws ServerError PL_BAD_ARGUMENT. */
export function wholeNumberOf(params: Params, name: string, max: number, fallback: number): number {
  const value = params[name] ?? fallback
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max) return value
  throw new ServerError('PL_BAD_ARGUMENT', `${name} must be a whole number from 0 to ${max}`)
}
