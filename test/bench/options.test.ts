import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { BenchError } from '../../bench/bench-error.js'
import { writeRun } from '../../bench/folder.js'
import { helpText, listText } from '../../bench/help.js'
import { parseWords } from '../../bench/options.js'
import { reportText } from '../../bench/report.js'
import { runPlan } from '../../bench/run.js'
import type { Scenario } from '../../bench/scenario.js'
import { SCENARIOS } from '../../bench/scenarios/all.js'

const quiet = () => {}

async function bench(...words: string[]) {
  const invocation = parseWords(words, SCENARIOS)
  if (invocation.kind !== 'run') throw new Error('not a run')
  return runPlan(invocation, quiet)
}

t.test('words that make no sense are told so, with exit code 2', async (t) => {
  const wrong: [words: string, message: RegExp][] = [
    ['nothing', /no scenario "nothing"; there are LIST, all, smoke, wire, load, .*, keepalive, outcomes, store/],
    ['energy --colour', /Unknown option '--colour'/],
    ['energy verify', /energy has no action "verify"; there are validate/],
    ['energy validate twice', /"twice" is one word too many/],
    ['keepalive now', /keepalive has no action "now"; it has none/],
    ['keepalive --phones', /--phones <value>' argument missing/],
    ['keepalive --repeat 0', /--repeat must be a whole number from 1 on, not "0"/],
    ['keepalive --repeat 1e3', /--repeat must be a whole number/],
    ['keepalive --seed 1 --seed 2', /--seed is given twice/],
    ['energy validate --out=', /--out needs the name of a folder/],
    ['LIST more', /"more" says nothing to LIST/],
    ['all energy sport', /no scenario "sport"; there are wire, load, .*, outcomes, store/],
  ]
  for (const [words, message] of wrong) {
    t.throws(() => parseWords(words.split(' '), SCENARIOS), { message, exitCode: 2 }, words)
  }
  const refused: [words: string, message: RegExp][] = [
    ['energy', /needs --pcap FILE and --profile NAME, or the action validate/],
    ['energy --pcap x', /--pcap needs --profile/],
    ['energy --pcap x --profile y', /no radio profile "y"; there are .*huang-lte-2012/],
    ['energy --pcap /nowhere/x --profile huang-lte-2012', /cannot be read \(ENOENT\)/],
    ['energy validate --pcap x', /--pcap says nothing to validate/],
    ['keepalive --days 0', /--days must be a whole number from 1 on/],
    ['keepalive --profile nothing', /no radio profile "nothing"/],
    ['keepalive --profile qian-3g-carrier1-2010', /is not in this table: no row of the validation table measures it/],
  ]
  for (const [words, message] of refused) {
    await t.rejects(bench(...words.split(' ')), { message, exitCode: 2 }, words)
  }
})

t.test('LIST and help name every scenario and option', async (t) => {
  const listed = JSON.parse(listText(SCENARIOS, true))
  t.same(
    listed.scenarios.map(({ name }: Scenario) => name),
    SCENARIOS.map(({ name }) => name),
  )
  t.match(listText(SCENARIOS, false), /--pcap FILE/)
  t.match(helpText(SCENARIOS, null), /keepalive/)
  t.same(parseWords([], SCENARIOS), { kind: 'help', scenario: null })
  t.match(parseWords(['LIST', '--json'], SCENARIOS), { kind: 'list', json: true })
  t.match(parseWords(['keepalive', '--help'], SCENARIOS), { kind: 'help', scenario: { name: 'keepalive' } })
  t.match(parseWords(['all', '--json'], SCENARIOS), { kind: 'run', json: true })
})

/** Draws a number from its seed. */
const dice: Scenario = {
  name: 'dice',
  summary: 'for tests',
  actions: [],
  options: {},
  wordsInAll: [[]],
  wordsInSmoke: [[]],
  checkSmoke: () => [],
  run: async ({ seed }) => ({
    result: { name: seed, rows: [{ number: seed.length, nothing: null }] },
    parameters: { sides: 6 },
    tables: [{ title: 'Dice', columns: ['seed', 'a|b'], rows: [[seed, 1 / 3]] }],
    exitCode: seed === '7.1' ? 1 : 0,
  }),
}

t.test('repetitions have seeds of their own, and a folder keeps them all', async (t) => {
  const invocation = parseWords(['dice', '--seed', '7', '--repeat', '3'], [dice])
  if (invocation.kind !== 'run') return t.fail()
  const run = await runPlan(invocation, quiet)
  t.equal(run.exitCode, 1, 'one repetition found something wrong')
  t.same(run.printed, { name: '7', rows: [{ number: 3, nothing: null }] }, 'numbers at their median')
  const folder = join(mkdtempSync(join(tmpdir(), 'bench-')), 'deep')
  writeRun(folder, run.record)
  const result = JSON.parse(readFileSync(join(folder, 'result.json'), 'utf8'))
  t.same(
    result.scenarios[0].repetitions.map(({ seed }: { seed: string }) => seed),
    ['7', '7.1', '7.2'],
  )
  t.same(result.scenarios[0].spread['rows.0.number'], { median: 3, quartile1: 2, quartile3: 3, min: 1, max: 3 })
  t.same(result.scenarios[0].parameters, { sides: 6 })
  for (const key of ['cpu', 'cores', 'node', 'commit', 'packages', 'startedAt']) t.ok(key in result.machine, key)
  const report = readFileSync(join(folder, 'report.md'), 'utf8')
  t.equal(report, `${reportText(run.record, { withPlots: true })}\n`)
  t.match(report, /## dice \(first of 3 repetitions/)
  t.match(report, /\| 7 {4}\| 0\.3333 \|/)
  const file = join(folder, 'file')
  writeFileSync(file, '')
  t.throws(() => writeRun(join(file, 'x'), run.record), BenchError)
})
