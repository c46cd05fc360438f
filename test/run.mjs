// `npm test -- [--crypto noble|native] [tap's own arguments] [test/...]`: runs the compiled tests, with one
// crypto provider if named. Tests are named by source file or folder; without names all run.
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'

const words = process.argv.slice(2).map((word) => word.replace(/\/$/, ''))
const at = words.indexOf('--crypto')
const env = { ...process.env }
if (at >= 0) {
  const [, name] = words.splice(at, 2)
  if (name !== 'noble' && name !== 'native') {
    console.error('--crypto takes noble or native')
    process.exit(2)
  }
  env.PILOTLIGHT_CRYPTO = name
}
// By the sources: what was compiled from a test that is gone stays in the folder.
const sources = readdirSync('test', { recursive: true }).map((name) => `test/${name}`)
const tests = sources.filter((file) => file.endsWith('.test.ts')).sort()
const named = words.filter((word) => sources.includes(word))
const isNamed = (file) => named.some((name) => file === name || file.startsWith(`${name}/`))
const files = tests.filter((file) => named.length === 0 || isNamed(file))
const compiled = files.map((file) => `build-test/${file.replace(/\.ts$/, '.js')}`)
const rest = words.filter((word) => !named.includes(word))
const reporter = rest.some((word) => /^(-R|--reporter)/.test(word)) ? [] : ['--reporter=tap']
process.exit(spawnSync('tap', [...reporter, ...rest, ...compiled], { env, stdio: 'inherit' }).status ?? 1)
