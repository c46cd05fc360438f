// Prints what failed and was skipped in a TAP log, then the counts as the last line.
import { readFileSync } from 'node:fs'

const [file, status] = process.argv.slice(2)
const lines = readFileSync(file, 'utf8').split('\n')
for (const line of lines) {
  if (/^\s*not ok\b/.test(line) && !/# (SKIP|TODO)/i.test(line)) console.log(line.trim())
  if (/# SKIP/i.test(line)) console.log(line.trim())
}
const totals = lines.filter((line) => line.startsWith('# {')).at(-1) ?? ''
const count = (name) => Number(new RegExp(`\\b${name}: (\\d+)`).exec(totals)?.[1] ?? 0)
const skipped = count('skip') + count('todo')
const failed = Math.max(count('fail'), totals === '' || (status !== '0' && count('fail') === 0) ? 1 : 0)
console.log(`${count('pass')} passed, ${failed} failed, ${skipped} skipped`)
process.exit(failed > 0 || status !== '0' ? 1 : 0)
