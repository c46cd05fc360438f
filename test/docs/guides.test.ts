/** The shell blocks of the guides, in one shell against one real server, in the order in which they build on each other. */
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { folderOf, serverIn } from '../e2e/command.js'
import { CLI } from '../e2e/process.js'
import { ROOT } from '../support/root.js'

const run = promisify(execFile)
const GUIDES = ['first-presence', 'ring-somebody', 'pool-of-helpers']

t.test('docs/guides: first presence, ring somebody, a pool of helpers', async (t) => {
  const folder = folderOf(t)
  const server = await serverIn(t, folder)
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'pilotlight'), `#!/bin/sh\nexec node '${CLI}' "$@"\n`, { mode: 0o755 })
  const blocks = GUIDES.flatMap((guide) => {
    const text = readFileSync(join(ROOT, `docs/guides/${guide}.md`), 'utf8')
    const own = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1])
    t.ok(own.length >= 2, guide)
    return [`echo "== ${guide}"`, ...own]
  })
  const { NODE_OPTIONS: _runner, ...env } = process.env
  const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', blocks.join('\n')], {
    cwd: folder,
    env: { ...env, URL: server.url, PILOTLIGHT_DATA: folder, PATH: `${bin}:${process.env['PATH']}` },
  })
  const [, presence = '', ringing = '', pool = ''] = stdout.split(/== [a-z-]+\n/)
  t.match(JSON.parse(presence.slice(presence.lastIndexOf('{'))), { state: /offline|unknown/ })
  t.match(ringing, /"state":"accepted".*"deviceHandle":"d_/)
  t.match(ringing, /\nwithdrawn\n/)
  t.match(ringing, /"reason":"replaced"/)
  t.equal(pool.match(/"state":"accepted"/g)?.length, 2)
})
