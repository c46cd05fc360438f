/** The code of the guides, as it stands there: the shell blocks in one shell against a real server, then the TypeScript. */
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import ts from 'typescript'
import { folderOf, HANGS_MS, serverIn, Talk } from '../e2e/command.js'
import { CLI } from '../e2e/process.js'
import { ROOT } from '../support/root.js'

const run = promisify(execFile)
/** One goes on where the one before ended. */
const GUIDES = ['first-presence', 'errors', 'moving-from-polling', 'ring-somebody', 'pool-of-helpers']

function blocks(guide: string, language: 'sh' | 'ts'): string[] {
  const text = readFileSync(join(ROOT, `docs/guides/${guide}.md`), 'utf8')
  return [...text.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, code = '']) => code)
}

t.setTimeout(HANGS_MS)

t.test('docs/guides', async (t) => {
  const folder = folderOf(t)
  const server = await serverIn(t, folder)
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'pilotlight'), `#!/bin/sh\nexec node '${CLI}' "$@"\n`, { mode: 0o755 })
  const shell = GUIDES.flatMap((guide) => [`echo "# ${guide} $KEY $PUID"`, ...blocks(guide, 'sh'), 'echo'])
  t.ok(shell.length >= 15)
  const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', ['KEY= PUID=', ...shell].join('\n')], {
    cwd: folder,
    env: { ...process.env, URL: server.url, PILOTLIGHT_DATA: folder, PATH: `${bin}:${process.env['PATH']}` },
  })
  const [, first = '', errors = '', polling = '', ringing = '', pool = ''] = stdout.split(/^# .*$/m)
  t.match(JSON.parse(first.slice(first.lastIndexOf('{'))), { state: /offline|unknown/ })
  t.match(ringing, /"state":"accepted".*"deviceHandle":"d_/)
  t.match(ringing, /\nwithdrawn\n/)
  t.match(ringing, /"reason":"replaced"/)
  t.equal(pool.match(/"state":"accepted"/g)?.length, 2)
  t.match(JSON.parse(errors), { status: 404, code: 'unknown-puid' })
  t.match(polling, /^\{"persons":\[\{"puid":"p_.*"code":"unknown-puid"/m)
  t.match(polling, /^\{"id":.*"state":"withdrawn"/m)

  // In a folder of the package, where `pilotlight/appservice` is found.
  const [, KEY = '', PUIDS = ''] = /^# errors (\S+) (\S+)$/m.exec(stdout) ?? []
  const inPackage = t.testdir()
  const start = (guide: string) => {
    const options = { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext }
    const { outputText } = ts.transpileModule(blocks(guide, 'ts').join('\n'), { compilerOptions: options })
    const file = join(inPackage, `${guide}.mjs`)
    writeFileSync(file, outputText)
    return new Talk(t, 'node', [file], { URL: server.url, KEY, PUIDS })
  }
  t.equal(await start('errors').rest(), 'ask for consent again\n')
  await start('moving-from-polling').sees(new RegExp(`${PUIDS} is (offline|unknown)\n`))
})
