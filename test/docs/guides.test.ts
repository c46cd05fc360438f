/** The shell blocks of the guides, in one shell against a real server. */
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { folderOf, serverIn } from '../e2e/command.js'
import { CLI } from '../e2e/process.js'
import { ROOT } from '../support/root.js'

const run = promisify(execFile)

t.test('docs/guides/first-presence.md', async (t) => {
  const folder = folderOf(t)
  const server = await serverIn(t, folder)
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'pilotlight'), `#!/bin/sh\nexec node '${CLI}' "$@"\n`, { mode: 0o755 })
  const text = readFileSync(join(ROOT, 'docs/guides/first-presence.md'), 'utf8')
  const blocks = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1])
  t.ok(blocks.length >= 5)
  const { NODE_OPTIONS: _runner, ...env } = process.env
  const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', blocks.join('\n')], {
    cwd: folder,
    env: { ...env, URL: server.url, PILOTLIGHT_DATA: folder, PATH: `${bin}:${process.env['PATH']}` },
  })
  const answer = stdout.slice(stdout.lastIndexOf('{'))
  t.match(JSON.parse(answer), { state: /offline|unknown/ })
})
