import { existsSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { command, folderOf, HANGS_MS, json, refused } from './command.js'
import { ServerProcess } from './process.js'

t.test('keys outside of the folder, and a database that is gone', { timeout: HANGS_MS }, async (t) => {
  const root = folderOf(t)
  const folder = join(root, 'var')
  const keyFile = join(root, 'safe.json')
  const data = ['--data', folder]
  const server = new ServerProcess(folder, { PILOTLIGHT_KEY_FILE: keyFile })
  t.teardown(() => server.end('SIGKILL'))
  await server.start()
  t.equal(statSync(keyFile).mode & 0o777, 0o600)
  t.notOk(existsSync(join(folder, 'keys.json')))
  const shown = await json(t, ['keys', 'show', ...data])
  const { account } = await json(t, ['account', 'add', 'Ada', ...data])
  const backup = join(root, 'backup.db')
  await json(t, ['backup', backup, ...data])
  await server.end('SIGTERM')

  const serve = [
    'serve',
    ...data,
    '--udp-port',
    '0',
    '--http-port',
    '0',
    '--host',
    '127.0.0.1',
    '--log-level',
    'silent',
  ]
  const config = join(root, 'config.json')
  writeFileSync(config, JSON.stringify({ data: folder, 'key-file': keyFile }))
  await refused(t, serve, { code: 'PL_KEYS_MISSING', message: /--key-file/ })
  t.notOk(existsSync(join(folder, 'keys.json')), 'no others are made')
  t.same(await json(t, ['keys', 'show', '--config', config]), shown, 'also for commands without a server')

  const database = join(folder, 'pilotlight.db')
  renameSync(database, join(root, 'lost.db'))
  await refused(t, [...serve, '--key-file', keyFile], { code: 'PL_STORE_MISSING', message: /missing or empty/ })
  await refused(t, ['account', 'list', '--config', config], { code: 'PL_STORE_MISSING' })
  await refused(t, ['account', 'add', 'Eve', '--config', config], { code: 'PL_STORE_MISSING' })
  t.notOk(existsSync(database), 'nothing was begun anew')
  writeFileSync(database, '')
  await refused(t, [...serve, '--key-file', keyFile], { code: 'PL_STORE_MISSING', message: /--new-database/ })

  t.match(await command(t, ['restore', backup, '--force', '--config', config]), { code: 0 }, 'a backup helps')
  t.match(await json(t, ['account', 'list', '--config', config]), [{ account }])
  t.same(await json(t, ['keys', 'show', '--config', config]), shown)

  rmSync(database)
  const anew = new ServerProcess(folder, { PILOTLIGHT_CONFIG: config, PILOTLIGHT_NEW_DATABASE: 'true' })
  t.teardown(() => anew.end('SIGKILL'))
  await anew.start()
  t.same(await json(t, ['account', 'list', '--config', config]), [], 'and so does the wish to begin anew')
  t.same(await json(t, ['keys', 'show', '--config', config]), shown)
  await anew.end('SIGTERM')
})
