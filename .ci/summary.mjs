// Prints what failed and was skipped in a TAP log and what survived in a mutation log, then the counts as the last line.
// Each mutation counts as one test: it passes when it is noticed, or when its survival is explained.
import { readFileSync } from 'node:fs'

const [file, status, mutationFile] = process.argv.slice(2)
const lines = readFileSync(file, 'utf8').split('\n')
for (const line of lines) {
  if (/^\s*not ok\b/.test(line) && !/# (SKIP|TODO)/i.test(line)) console.log(line.trim())
  if (/# SKIP/i.test(line)) console.log(line.trim())
}
const totals = lines.filter((line) => line.startsWith('# {')).at(-1) ?? ''
const count = (name) => Number(new RegExp(`\\b${name}: (\\d+)`).exec(totals)?.[1] ?? 0)
const failedTests = Math.max(count('fail'), totals === '' || (status !== '0' && count('fail') === 0) ? 1 : 0)

const mutations = readFileSync(mutationFile, 'utf8')
for (const [line] of mutations.matchAll(/^survivor .*$/gm)) console.log(line)
const verdict = /^seed \d+: (\d+) killed, (\d+) explained, (\d+) open$/m.exec(mutations)
if (verdict === null) console.log('the mutation check did not end')
const [killed, explained, open] = verdict?.slice(1).map(Number) ?? [0, 0, 1]

const passed = count('pass') + killed + explained
const failed = failedTests + open
console.log(`${passed} passed, ${failed} failed, ${count('skip') + count('todo')} skipped`)
process.exit(failed > 0 || status !== '0' ? 1 : 0)
