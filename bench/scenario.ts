/** What a scenario is: one file in `bench/scenarios/`, found by the table in `bench/scenarios/all.ts`. */

/** An option of a scenario, in the words of `node:util` parseArgs. */
export interface ScenarioOption {
  type: 'string' | 'boolean'
  /** how the value looks in the help, '' for a switch */
  placeholder: string
  help: string
}

/** The words after the scenario's name, read. */
export interface Request {
  /** e.g. `validate` */
  action: string | null
  values: Readonly<Record<string, string | boolean | undefined>>
  /** any text; the same seed gives the same result */
  seed: string
  /** tells the person who waits; goes to stderr */
  progress: (line: string) => void
}

/** One table of a report. */
export interface Table {
  title: string
  columns: readonly string[]
  /** null is shown as an empty cell */
  rows: readonly (readonly (string | number | null)[])[]
  /** what a reader must know to trust it: assumptions, sources */
  notes?: readonly string[]
}

/** What one run found. */
export interface Outcome {
  /** printed by `--json`; numbers in it are compared between repetitions */
  result: object
  tables: readonly Table[]
  /** all that the result depends on beside the seed */
  parameters: object
  /** 1: the scenario itself says that something is wrong */
  exitCode: 0 | 1
}

export interface Scenario {
  name: string
  summary: string
  /** words that may follow the name; the first is taken where none is given and no option asks for another */
  actions: readonly string[]
  options: Readonly<Record<string, ScenarioOption>>
  /** how `all` runs it */
  wordsInAll: readonly string[]
  /** @throws BenchError with exit code 2 if an option makes no sense. */
  run(request: Request): Promise<Outcome>
}
