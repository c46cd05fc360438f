/** The main thread's log: JSON lines on stderr, without addresses, names or anything else of a person. */
import { destination, type Logger, pino } from 'pino'

/** Levels, from nothing to everything. */
export const LOG_LEVELS = ['silent', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const

/** One of `LOG_LEVELS`. */
export type LogLevel = (typeof LOG_LEVELS)[number]

/** What parts of the server log with. */
export type Log = Logger

/** A log on stderr. */
export function serverLog(level: LogLevel): Log {
  return pino({ level, base: { part: 'server' } }, destination({ fd: 2, sync: true }))
}
