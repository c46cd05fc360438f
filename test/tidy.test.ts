import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ROOT } from './support/root.js'

const LINES_MAX = 400
/** Folders without sockets, clock, timers, randomness, or host globals. */
const PURE = [
  'base',
  'crypto',
  'noise',
  'packet',
  'frame',
  'session',
  'endpoint',
  'presence',
  'ring',
  'hub',
  'sandbox',
  'client',
  'sim',
]
const HOST_GLOBALS =
  /\b(Date\.now|new Date|Math\.random|performance\.|process\.|Buffer\b|setTimeout|setInterval|setImmediate|TextEncoder|TextDecoder|console\.|globalThis|require\()/

const sources = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.ts'),
)
const isPure = (name: string): boolean =>
  PURE.includes(name.split('/')[0]!) && !/^client\/(node|browser)\//.test(name) && name !== 'sim/main.ts'

/** The code without comments. */
function code(name: string): string {
  return readFileSync(join(ROOT, 'src', name), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
}

t.test('no file in src is above 400 lines', async (t) => {
  for (const name of sources) {
    const lines = readFileSync(join(ROOT, 'src', name), 'utf8').split('\n').length
    t.ok(lines <= LINES_MAX, `${name} has ${lines}`)
  }
})

t.test('the core names no host global and no node: module', async (t) => {
  for (const name of sources.filter(isPure)) {
    t.notMatch(code(name), HOST_GLOBALS, name)
    t.notMatch(code(name), /from 'node:/, name)
  }
})

t.test('no leftovers', async (t) => {
  const marks = new RegExp(`\\b(${['TO', 'FIX'].map((a) => a + (a === 'TO' ? 'DO' : 'ME')).join('|')})\\b`)
  for (const name of sources) t.notMatch(readFileSync(join(ROOT, 'src', name), 'utf8'), marks, name)
})

t.test('imports run one way', async (t) => {
  const depcruise = join(ROOT, 'node_modules/.bin/depcruise')
  const run = (): string =>
    execFileSync(depcruise, ['--config', '.dependency-cruiser.cjs', 'src'], { cwd: ROOT, encoding: 'utf8' })
  t.match(run(), /no dependency violations found/)
})
