// `npm test -- [--crypto noble|native] [tap's own arguments]`: runs the tests, with one crypto provider if named.
import { spawnSync } from 'node:child_process'

const words = process.argv.slice(2)
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
const reporter = words.some((word) => /^(-R|--reporter)/.test(word)) ? [] : ['--reporter=tap']
process.exit(spawnSync('tap', [...reporter, ...words], { env, stdio: 'inherit', shell: false }).status ?? 1)
