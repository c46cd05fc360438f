/** Where a command writes: results to stdout as text or as JSON, everything else to stderr. */
import type { CliError } from './cli-error.js'

/** The caller's terminal, or the pipes that stand for it. */
export interface Terminal {
  /** --json: one JSON value per result */
  readonly json: boolean
  /** Prints a result: `value` as one line of JSON with --json, else `lines`. */
  result(value: unknown, lines: string | string[]): void
  /** Prints a line beside the results. */
  note(line: string): void
}

/** The process's own streams. */
export function processTerminal(json: boolean): Terminal {
  return {
    json,
    result(value, lines) {
      const text = Array.isArray(lines) ? lines.join('\n') : lines
      process.stdout.write(`${json ? JSON.stringify(value) : text}\n`)
    },
    note(line) {
      process.stderr.write(`${line}\n`)
    },
  }
}

/** One line for a failure: `pilotlight: PL_PORT_TAKEN: UDP 0.0.0.0:7350 is in use. Give another port.`, or JSON. */
export function errorLine(error: CliError, json: boolean): string {
  const { code, message, hint } = error
  if (json) return JSON.stringify({ error: { code, message, hint } })
  const sentence = /[.!?]$/.test(message) ? message : `${message}.`
  return `pilotlight: ${code}: ${sentence}${hint === '' ? '' : ` ${hint}`}`
}

/** Rows as columns of equal width; the last column is not padded. */
export function columns(rows: string[][]): string[] {
  const widths: number[] = []
  for (const row of rows) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length)
  }
  return rows.map((row) =>
    row.map((cell, index) => (index === row.length - 1 ? cell : cell.padEnd(widths[index] ?? 0))).join('  '),
  )
}
