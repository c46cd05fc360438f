/**
 * The code of the guides, as it stands there: the shell blocks in one shell against a real server, then the TypeScript, and
 * a webhook that comes.
 */
import { execFile } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { folderOf, HANGS_MS, preload, serverIn, Talk, talk } from '../e2e/command.js'
import { CLI } from '../e2e/process.js'
import { blocks, checkedGuides, TELLS_PORT } from '../support/guides.js'

const run = promisify(execFile)
/** One goes on where the one before ended. */
const GUIDES = ['first-presence', 'errors', 'moving-from-polling', 'ring-somebody', 'pool-of-helpers']

t.setTimeout(HANGS_MS)

t.test('docs/guides', async (t) => {
  const folder = folderOf(t)
  const server = await serverIn(t, folder, ['--webhooks-to-private'])
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'pilotlight'), `#!/bin/sh\nexec node '${CLI}' "$@"\n`, { mode: 0o755 })
  const bash = (code: string[], env: Record<string, string> = {}) =>
    run('bash', ['-euo', 'pipefail', '-c', code.join('\n')], {
      cwd: folder,
      env: { ...process.env, ...env, URL: server.url, PILOTLIGHT_DATA: folder, PATH: `${bin}:${process.env['PATH']}` },
    })
  const shell = GUIDES.flatMap((guide) => [`echo "# ${guide} $KEY $PUID"`, ...blocks(guide, 'sh'), 'echo'])
  t.ok(shell.length >= 15)
  const { stdout } = await bash(['KEY= PUID=', ...shell])
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
  const { faults, code } = checkedGuides(['errors', 'moving-from-polling', 'webhooks'])
  t.strictSame(faults, [], 'the TypeScript has no faults')
  const start = (guide: string, env: Record<string, string> = {}) => {
    const file = join(inPackage, `${guide}.mjs`)
    writeFileSync(file, code.get(guide) ?? '')
    return new Talk(t, 'node', [file], { URL: server.url, KEY, PUIDS, ...env })
  }
  t.equal(await start('errors').rest(), 'ask for consent again\n')
  const stream = start('moving-from-polling')
  await stream.sees(new RegExp(`${PUIDS} is (offline|unknown)\n`))

  const [put = '', test = '', ...more] = blocks('webhooks', 'sh')
  t.strictSame(more, [])
  const secret = JSON.parse((await bash([put], { API_KEY: KEY })).stdout).secret
  const endpoint = start('webhooks', { WEBHOOK_SECRET: secret, ...preload(TELLS_PORT) })
  const [, port] = await endpoint.sees(/port (\d+)/)
  await bash([put.replace('https://chat.example/', `http://127.0.0.1:${port}/`)], { API_KEY: KEY })
  t.match(JSON.parse((await bash([test], { API_KEY: KEY })).stdout), { state: 'delivered' })
  await endpoint.sees(/^webhook\.test\n/m)

  const device = talk(t, ['device', 'run', '--file', join(folder, 'phone.json')])
  for (const told of [stream, endpoint]) await told.sees(new RegExp(`${PUIDS} is online\n`))
  device.hangUp()
  for (const told of [stream, endpoint]) await told.sees(new RegExp(`${PUIDS} is offline\n`))
})
