/** What the built package loads when a program imports its client: nothing of the server. */
import { execFileSync } from 'node:child_process'
import t from 'tap'
import { ROOT } from '../support/root.js'

/** Imports an entry of the package by its public name, and gives the modules that were loaded for it. */
function loaded(entry: string): string[] {
  const hooks = `export async function resolve(specifier, context, next) {
    const found = await next(specifier, context)
    process._rawDebug(found.url)
    return found
  }`
  const script = `import { register } from 'node:module'
    import { execPath } from 'node:process'
    register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hooks)}))
    await import(${JSON.stringify(entry)})`
  const words = ['--input-type=module', '--eval', script]
  const env = { PATH: process.env['PATH'] }
  const text = execFileSync('sh', ['-c', 'exec "$0" "$@" 2>&1', process.execPath, ...words], {
    cwd: ROOT,
    env,
    encoding: 'utf8',
  })
  return text.split('\n').filter((line) => /^(file|node):/.test(line))
}

const packageOf = (url: string) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(url)?.[1] ?? null
const folderOf = (url: string) => /\/dist\/([a-z]+)\//.exec(url)?.[1] ?? null
const names = (values: (string | null)[]) => [...new Set(values.filter((value) => value !== null))].sort()

t.test('pilotlight/client brings noble and cbor-x along, and nothing of the server', (t) => {
  const urls = loaded('pilotlight/client')
  const ours = urls.filter((url) => packageOf(url) === null && url.startsWith('file:'))
  t.ok(ours.length > 50, 'the built files were seen')
  const allowed = ['@noble/ciphers', '@noble/curves', '@noble/hashes', 'cbor-extract', 'cbor-x']
  t.same(
    names(urls.map(packageOf)).filter((name) => !allowed.includes(name)),
    [],
  )
  t.same(names(ours.map(folderOf)), ['base', 'client', 'crypto', 'frame', 'noise', 'packet', 'session'])
  t.end()
})

t.test('pilotlight/appservice brings only noble along, to verify webhooks', (t) => {
  const urls = loaded('pilotlight/appservice')
  t.same(names(urls.map(packageOf)), ['@noble/hashes'])
  t.same(names(urls.map(folderOf)), ['appservice', 'base', 'webhook'])
  t.end()
})
