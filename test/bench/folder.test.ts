/** What `--out` writes: plots as SVG, CSV of all, the report that shows them; and what `smoke` says. */
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { csvText } from '../../bench/csv.js'
import { writeRun } from '../../bench/folder.js'
import { parseWords } from '../../bench/options.js'
import { plotSvg } from '../../bench/plot.js'
import { shortNumber } from '../../bench/plot-option.js'
import { runPlan } from '../../bench/run.js'
import type { Outcome, Plot, Scenario } from '../../bench/scenario.js'
import { SCENARIOS } from '../../bench/scenarios/all.js'

const quiet = () => {}

const GROWTH: Plot = {
  name: 'growth',
  title: 'Cost per ping <is> flat',
  kind: 'line',
  x: { label: 'devices', unit: null, scale: 'log' },
  y: { label: 'CPU per ping', unit: 'µs', scale: 'linear', min: 0 },
  lines: [
    {
      name: 'ours',
      role: 'ours',
      points: [
        { x: 1_000, y: 5, low: 4, high: 6 },
        { x: 100_000, y: 6, low: 5, high: 7 },
      ],
    },
    {
      name: 'mosquitto, TLS',
      points: [
        { x: 1_000, y: 11 },
        { x: 10_000, y: null },
      ],
    },
    {
      name: 'bar',
      role: 'guide',
      points: [
        { x: 1_000, y: 9 },
        { x: 100_000, y: 9 },
      ],
    },
  ],
  caption: 'One core.',
}

const CATEGORIES: Plot = {
  name: 'bars',
  title: 'Bars',
  kind: 'bars',
  x: { label: 'peer', unit: null, scale: 'category' },
  y: { label: 'bytes', unit: 'B', scale: 'linear' },
  lines: [
    {
      name: 'up',
      points: [
        { x: 'ours', y: 52, low: 50, high: 54 },
        { x: 'mqtt', y: 128 },
      ],
    },
    {
      name: 'down',
      points: [
        { x: 'ours', y: 47 },
        { x: 'mqtt', y: 76 },
      ],
    },
  ],
}

function scenario(outcome: Partial<Outcome>, more: Partial<Scenario> = {}): Scenario {
  return {
    name: 'toy',
    summary: 'for tests',
    actions: ['play'],
    options: {},
    wordsInAll: [[], ['play']],
    wordsInSmoke: [[]],
    checkSmoke: () => [],
    run: async () => ({ result: { number: 1 }, tables: [], parameters: {}, exitCode: 0, ...outcome }),
    ...more,
  }
}

async function run(words: string[], ...scenarios: Scenario[]) {
  const invocation = parseWords(words, scenarios)
  if (invocation.kind !== 'run') throw new Error('not a run')
  return runPlan(invocation, quiet)
}

t.test('a folder has the plots, the report shows them, and everything is there as CSV', async (t) => {
  const toy = scenario({
    plots: [GROWTH, CATEGORIES],
    series: [{ name: 'raw', columns: ['time s', 'note'], rows: [[1 / 3, 'a "b", c']] }],
    tables: [{ title: 'T', columns: ['n'], rows: [[null], [12345.6789]] }],
  })
  const folder = mkdtempSync(join(tmpdir(), 'bench-'))
  writeRun(folder, (await run(['toy', 'play'], toy)).record)
  t.same(readdirSync(folder).sort(), [
    'report.md',
    'result.json',
    'toy-play-bars.csv',
    'toy-play-bars.svg',
    'toy-play-growth.csv',
    'toy-play-growth.svg',
    'toy-play-raw.csv',
    'toy-play-table-1.csv',
  ])
  const read = (name: string) => readFileSync(join(folder, name), 'utf8')
  t.match(
    read('report.md'),
    /!\[Cost per ping <is> flat]\(toy-play-growth\.svg\)\n\n\*\*.*flat\.\*\* One core\. \[CSV]/,
  )
  t.equal(
    read('toy-play-growth.csv'),
    'series,devices,CPU per ping (µs),low,high\r\nours,1000,5,4,6\r\nours,100000,6,5,7\r\n' +
      '"mosquitto, TLS",1000,11,,\r\n"mosquitto, TLS",10000,,,\r\nbar,1000,9,,\r\nbar,100000,9,,\r\n',
  )
  t.equal(read('toy-play-raw.csv'), `time s,note\r\n${1 / 3},"a ""b"", c"\r\n`)
  t.equal(read('toy-play-table-1.csv'), 'n\r\n\r\n12345.6789\r\n')
  t.equal(read('toy-play-growth.svg'), plotSvg(GROWTH))
  t.same(JSON.parse(read('result.json')).scenarios[0].plots.length, 2)
})

t.test('an SVG is whole, names axes with units and every line, and is the same each time', async (t) => {
  for (const plot of [
    GROWTH,
    CATEGORIES,
    { ...CATEGORIES, kind: 'dots' as const },
    { ...GROWTH, kind: 'points' as const },
  ]) {
    const svg = plotSvg(plot)
    t.equal(svg, plotSvg(plot))
    t.match(svg, /^<svg role="img" [^>]*>\n<title>/)
    t.notMatch(svg, /NaN|undefined|<script|zr\d/)
    for (const { name } of plot.lines) t.ok(svg.includes(`>${name}<`), `${plot.kind}: ${name}`)
    t.ok(svg.includes(`>${plot.y.label} (${plot.y.unit})<`), `${plot.kind}: unit`)
    t.equal(tagsLeftOpen(svg), '', `${plot.kind}: tags are closed in order`)
  }
  t.match(plotSvg(GROWTH), /<title>Cost per ping &lt;is&gt; flat<\/title>/)
  t.match(plotSvg(GROWTH), />1k</)
  t.notMatch(plotSvg(GROWTH), />100</, 'an axis from 1,000 devices on begins there')
  t.match(plotSvg(GROWTH), /stroke="#d55e00"/, 'ours in its colour')
})

/** Tags that are open at the end, or what breaks their order or their attributes. */
function tagsLeftOpen(svg: string): string {
  const open: string[] = []
  for (const [tag, end, name, attributes, alone] of svg.matchAll(/<(\/?)(\w+)((?:[^>"]|"[^"<]*")*?)(\/?)>/g)) {
    if (!/^(\s+[\w:-]+="[^"<]*")*\s*$/.test(attributes!)) return `attributes: ${tag}`
    if (end === '/') {
      if (open.pop() !== name) return tag
    } else if (alone !== '/') open.push(name!)
  }
  return open.join(' ')
}

t.test('numbers on axes are short', async (t) => {
  t.same([0, 0.03, 1, 950, 20_000, 1.5e6, 1e7, -2_500].map(shortNumber), [
    '0',
    '0.03',
    '1',
    '950',
    '20k',
    '1.5M',
    '10M',
    '-2.5k',
  ])
  t.equal(csvText({ columns: ['a\nb'], rows: [] }), '"a\nb"\r\n')
})

t.test('all runs a scenario as often as it says, and tells the runs apart', async (t) => {
  const other = scenario({}, { name: 'other', wordsInAll: [[]] })
  const { printed, record, exitCode } = await run(['all'], scenario({}), other)
  t.same(Object.keys(printed), ['toy', 'toy play', 'other'])
  t.same(
    record.scenarios.map(({ action }) => action),
    [null, 'play', null],
  )
  t.equal(exitCode, 0)
})

t.test('smoke asks each scenario for faults, and goes on after one that broke', async (t) => {
  const good = scenario({ exitCode: 1 })
  t.equal((await run(['smoke'], good)).exitCode, 0, 'the verdict of a small run is not asked for')
  const wrong = scenario(
    {},
    { name: 'wrong', checkSmoke: ({ result }) => [`number ${(result as { number: number }).number}`] },
  )
  const broken = scenario({}, { name: 'broken', run: async () => Promise.reject(new Error('no port')) })
  const { record, exitCode } = await run(['smoke'], wrong, broken, good)
  t.equal(exitCode, 1)
  t.same(record.scenarios[0]!.faults, ['number 1'])
  t.match(record.scenarios[1]!.faults, [/^it ended with Error: no port/])
  t.same(record.scenarios[2]!.faults, [])
  await t.rejects(run(['broken'], broken), /no port/, 'of one scenario an error is an error')
  const invocation = parseWords(['all'], [broken, good])
  if (invocation.kind !== 'run') throw new Error('not a run')
  t.equal(invocation.scenarios.length, 4, 'each runs twice in all')
  const kept: number[] = []
  const all = await runPlan(invocation, quiet, ({ scenarios }) => kept.push(scenarios.length))
  t.same(kept, [1, 2, 3, 4], 'what there is so far is kept after each')
  t.match(all.record.scenarios[0]!.faults, [/no port/])
  t.equal(all.exitCode, 1)
})

t.test('every scenario says how it runs in all and in smoke, in words that it understands', async (t) => {
  for (const word of ['all', 'smoke']) {
    const invocation = parseWords([word], SCENARIOS)
    if (invocation.kind !== 'run') return t.fail()
    t.same(
      new Set(invocation.scenarios.map(({ scenario }) => scenario)),
      new Set(SCENARIOS.filter(({ name }) => name !== 'store')),
      word,
    )
    t.equal(invocation.isSmoke, word === 'smoke')
    const some = parseWords([word, 'wire', 'energy'], SCENARIOS)
    if (some.kind !== 'run') return t.fail()
    t.same(new Set(some.scenarios.map(({ scenario: { name } }) => name)), new Set(['wire', 'energy']))
  }
})
