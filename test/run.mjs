// `npm test -- [--crypto noble|native] [test/...]`: runs the compiled tests, with one crypto provider if named. Tests
// are named by source file or folder; without names all run. TAP goes to stdout.
//
// By tap's own `spawn` and not by its command line, and without its NODE_OPTIONS: they give each process, and each
// process and worker started by it, loaders that take longer than most tests.
import { readdirSync } from 'node:fs'
import { t } from 'tap'

/** Of one file. */
const TIMEOUT_S = 600

const words = process.argv.slice(2).map((word) => word.replace(/\/$/, ''))
const at = words.indexOf('--crypto')
if (at >= 0) {
  const [, name] = words.splice(at, 2)
  if (name !== 'noble' && name !== 'native') fail('--crypto takes noble or native')
  process.env.PILOTLIGHT_CRYPTO = name
}
// By the sources: what was compiled from a test that is gone stays in the folder.
const sources = readdirSync('test', { recursive: true }).map((name) => `test/${name}`)
const tests = sources.filter((file) => file.endsWith('.test.ts')).sort()
for (const word of words) if (!sources.includes(word)) fail(`no test file or folder ${word}`)
const isNamed = (file) => words.some((word) => file === word || file.startsWith(`${word}/`))

process.env.TAP_TIMEOUT = `${TIMEOUT_S}`
t.setTimeout(0)
t.jobs = 3
const named = tests.filter((file) => words.length === 0 || isNamed(file))
// What takes longest begins first, or one process works alone at the end.
const LONG = ['bench/smoke', 'e2e/webhooks', 'simulation/simulation', 'pages/browser']
const isLong = (file) => LONG.some((name) => file === `test/${name}.test.ts`)
for (const file of [...named.filter(isLong), ...named.filter((file) => !isLong(file))]) {
  const compiled = `build-test/${file.replace(/\.ts$/, '.js')}`
  const command = ['-u', 'NODE_OPTIONS', process.execPath, '--enable-source-maps', compiled]
  t.spawn('env', command, { buffered: true, timeout: TIMEOUT_S * 1000 }, file)
}

function fail(message) {
  process.stderr.write(`${message}\n`)
  process.exit(2)
}
