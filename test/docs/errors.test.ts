/** `docs/errors.md` against the registries. `UPDATE_DOCS=1` writes its tables anew. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ERRORS } from '../../src/base/errors.js'
import { CLI_ERRORS } from '../../src/cli/cli-error.js'
import { DEVICE_ERRORS } from '../../src/client/device-error.js'
import { SERVER_ERRORS } from '../../src/io/server-error.js'
import { ROOT } from '../support/root.js'

const FILE = join(ROOT, 'docs/errors.md')
const REGISTRIES: Readonly<Record<string, Readonly<Record<string, { message?: string; hint: string }>>>> = {
  library: ERRORS,
  device: DEVICE_ERRORS,
  server: SERVER_ERRORS,
  'command line': CLI_ERRORS,
}

function tableOf(registry: Readonly<Record<string, { message?: string; hint: string }>>): string {
  const rows = Object.entries(registry)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([code, { message, hint }]) =>
        `| \`${code}\` | ${(message ?? 'see the message').replaceAll('{}', '…')} | ${hint || '-'} |`,
    )
  return ['| code | meaning | what to do |', '|---|---|---|', ...rows].join('\n')
}

for (const [name, registry] of Object.entries(REGISTRIES)) {
  t.test(`docs/errors.md has the errors of the ${name}`, async (t) => {
    const between = new RegExp(`(<!-- errors of the ${name} -->\n)([\\s\\S]*?)(\n<!-- end -->)`)
    const text = readFileSync(FILE, 'utf8')
    t.ok(between.test(text), 'its place is marked')
    if (process.env['UPDATE_DOCS'] === '1') {
      writeFileSync(
        FILE,
        text.replace(between, (_, start, __, end) => start + tableOf(registry) + end),
      )
    }
    t.equal(between.exec(readFileSync(FILE, 'utf8'))?.[2], tableOf(registry))
  })
}

t.test('no code stands in two registries', async (t) => {
  const codes = Object.values(REGISTRIES).flatMap((registry) => Object.keys(registry))
  t.same(
    codes.filter((code, index) => codes.indexOf(code) !== index),
    [],
  )
})
