/** A command of `pilotlight`: what it is called, what it takes, and what it does. */
import type { Options, Values } from './option.js'
import type { Terminal } from './terminal.js'

/** An argument that is named by its place. */
export interface Positional {
  /** capitals, as in the help */
  name: string
  help: string
}

/** A command with all that the help and the parser need. */
export interface Command {
  /** the words that choose it, e.g. `account add` */
  readonly name: string
  /** one line for the list of commands */
  readonly summary: string
  /** more lines for its own help */
  readonly details: string
  readonly positionals: readonly Positional[]
  readonly options: Options
  run(values: Record<string, unknown>, positionals: string[], terminal: Terminal): Promise<void>
}

/** Declares a command; `run` gets its options' values with their types. */
export function command<O extends Options>(spec: {
  name: string
  summary: string
  details?: string
  positionals?: Positional[]
  options: O
  run(values: Values<O>, positionals: string[], terminal: Terminal): Promise<void>
}): Command {
  return {
    name: spec.name,
    summary: spec.summary,
    details: spec.details ?? '',
    positionals: spec.positionals ?? [],
    options: spec.options,
    run: (values, positionals, terminal) => spec.run(values as Values<O>, positionals, terminal),
  }
}
