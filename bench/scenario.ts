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

/** One axis of a plot. */
export interface PlotAxis {
  /** what it shows, e.g. `devices` */
  label: string
  /** e.g. `J/day`; null where there is none */
  unit: string | null
  scale: 'linear' | 'log' | 'category'
  /** where it begins and ends; by default around the points */
  min?: number
  max?: number
}

/** One point of a plot. */
export interface PlotPoint {
  /** a text on an axis of categories */
  x: number | string
  /** null: there is none here */
  y: number | null
  /** quartiles or an interval around `y`, drawn as a bar */
  low?: number
  high?: number
}

/** Points that belong together: one entry of the legend. */
export interface PlotLine {
  name: string
  points: readonly PlotPoint[]
  /** `ours` is drawn heavier, `guide` thin and grey: a bound or a target; `dots` has marks and no line, also in a `line` plot */
  role?: 'ours' | 'guide' | 'dots'
}

/** One figure, written as an SVG and a CSV file. */
export interface Plot {
  /** of the file, without ending: `a-z0-9-`; unique in its scenario */
  name: string
  /** a sentence: what one sees */
  title: string
  /** `dots`: the categories of x stand one below the other, and y goes to the right */
  kind: 'line' | 'points' | 'bars' | 'dots'
  x: PlotAxis
  y: PlotAxis
  lines: readonly PlotLine[]
  /** what a reader must know: stands below the plot in the report */
  caption?: string
}

/** Numbers for other programs, written as a CSV file. Plots and tables need no series: they are written as CSV anyway. */
export interface Series {
  /** of the file, without ending: `a-z0-9-`; unique in its scenario */
  name: string
  /** with units: `time s`, `energy J` */
  columns: readonly string[]
  rows: readonly (readonly (string | number | null)[])[]
}

/** One function of a flame graph, called from one chain of callers. */
export interface FlameFrame {
  name: string
  /** one of the graph's parts: gives the colour */
  part: string
  /** 0 at the bottom */
  depth: number
  /** shares of the whole time, 0 to 1 */
  from: number
  to: number
}

/** Where time goes, written as an SVG and a CSV file: who calls whom upwards, time to the right, idle time left out. */
export interface FlameGraph {
  /** of the file, without ending: `a-z0-9-`; unique in its scenario */
  name: string
  /** a sentence: what one sees */
  title: string
  /** in the order of the legend */
  parts: readonly string[]
  frames: readonly FlameFrame[]
  caption?: string
}

/** What one run found. */
export interface Outcome {
  /** printed by `--json`; numbers in it are compared between repetitions */
  result: object
  tables: readonly Table[]
  plots?: readonly Plot[]
  flames?: readonly FlameGraph[]
  series?: readonly Series[]
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
  /** how `all` runs it: the words of each run */
  wordsInAll: readonly (readonly string[])[]
  /** how `smoke` runs it, the same: a few seconds each */
  wordsInSmoke: readonly (readonly string[])[]
  /**
   * What is wrong with an outcome of a smoke run, a line each; none: all is well. It looks at counts, keys and bytes, never at
   * times, and it alone decides: `exitCode` is not looked at beside it.
   */
  checkSmoke(outcome: Outcome, action: string | null): readonly string[]
  /** @throws BenchError with exit code 2 if an option makes no sense. */
  run(request: Request): Promise<Outcome>
}
