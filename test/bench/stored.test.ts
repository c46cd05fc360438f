/** A store that the bench made and kept, and what starts on it. */
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { parseWords } from '../../bench/options.js'
import { heardOf } from '../../bench/ours/stored.js'
import { runPlan } from '../../bench/run.js'
import { SCENARIOS } from '../../bench/scenarios/all.js'

async function bench(words: string) {
  const invocation = parseWords(words.split(' '), SCENARIOS)
  if (invocation.kind !== 'run') throw new Error('not a run')
  const { exitCode, printed } = await runPlan(invocation, () => {})
  return { exitCode, result: printed as Record<string, unknown> }
}

function folder(t: Test): string {
  const made = mkdtempSync(join(tmpdir(), 'pilotlight-stored-'))
  t.teardown(() => rmSync(made, { recursive: true, force: true }))
  return made
}

t.test('restart starts on it again and again; a part of its devices speaks', async (t) => {
  const to = join(folder(t), 'store')
  const made = await bench(`store --devices 300 --apps 8 --to ${to}`)
  t.match(made.result, { devices: 300, accounts: 250, apps: 8 })
  t.equal(statSync(join(to, 'bench-facts.json')).mode & 0o777, 0o600, 'keys are for the owner alone')

  for (const heard of [60, 100]) {
    const { exitCode, result } = await bench(`restart --store ${to} --heard ${heard} --rings 5 --streams 2`)
    const every = heard === 60 ? 5 : 3
    t.equal(exitCode, 0, JSON.stringify(result))
    t.match(result, { devices: 300, pingsAccepted: heardOf(300, every), outcomes: 5, lostRings: 0, handshakes: 0 })
  }
})

t.test('folders and numbers that make no sense are told so', async (t) => {
  const used = folder(t)
  writeFileSync(join(used, 'mine'), '')
  const refused: [words: string, message: RegExp][] = [
    ['store --devices 10', /store needs --to DIR/],
    [`store --devices 10 --to ${used}`, /there is something already/],
    [`store --devices 10 --to ${used}/mine`, /there is something already/],
    [`memory --store ${used}`, /no generated store/],
    [`load --store ${used} --devices 10`, /the store says how many devices there are/],
    [`growth --heard 0`, /--heard must be a whole number from 1 on/],
  ]
  for (const [words, message] of refused) await t.rejects(bench(words), { message, exitCode: 2 }, words)
})
