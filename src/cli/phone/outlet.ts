/** Where a phone's events go: JSON lines, plain lines, or a terminal with a status line that stays below. */

import { timeOfDay } from '../text.js'
import { eventLine, type PhoneEvent } from './phone-event.js'

/** One way to show events. */
export interface Outlet {
  show(event: PhoneEvent): void
  /** Something that is no event, e.g. the help. */
  lines(lines: string[]): void
  /** The state changed. */
  refresh(): void
  /** The last event; nothing is shown after it. */
  end(event: PhoneEvent): void
}

/** One JSON object per line. */
export function jsonOutlet(write: (text: string) => void): Outlet {
  const show = (event: PhoneEvent) => write(`${JSON.stringify(event)}\n`)
  return { show, lines: () => {}, refresh: () => {}, end: show }
}

/** One line per event, with the time. */
export function lineOutlet(write: (text: string) => void): Outlet {
  const show = (event: PhoneEvent) => write(`${timeOfDay(Date.now())}  ${eventLine(event)}\n`)
  return { show, lines: (lines) => write(`${lines.join('\n')}\n`), refresh: () => {}, end: show }
}

/** ECMA-48 §8.3.41: erase to the end of the line. */
const CLEAR_LINE = '\r\u001b[K'

/** Lines above, and below them one that says how things are. `status` must fit in one line of the terminal. */
export function terminalOutlet(write: (text: string) => void, status: () => string): Outlet {
  const above = (text: string) => write(`${CLEAR_LINE}${text}\n${status()}`)
  return {
    show: (event) => above(`${timeOfDay(Date.now())}  ${eventLine(event).replaceAll('\n', '\n          ')}`),
    lines: (lines) => above(lines.join('\n')),
    refresh: () => write(`${CLEAR_LINE}${status()}`),
    end: (event) => write(`${CLEAR_LINE}${timeOfDay(Date.now())}  ${eventLine(event)}\n`),
  }
}
