/** Folders, files and locks that are not as they should be; backup and restore. */
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import t, { type Test } from 'tap'
import { nobleCrypto } from '../../src/crypto/noble.js'
import { expectOurs, openDatabase, schemaVersion } from '../../src/store/database.js'
import { openEngine } from '../../src/store/engine.js'
import { MIGRATIONS } from '../../src/store/migrations.js'
import { finishRestore, restore } from '../../src/store/restore.js'
import type { Store } from '../../src/store/store.js'
import { bytes, enrolled, localStore, NOW, newFolder } from './folder.js'

const digest = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex')

t.test('one process has the folder', async (t) => {
  const folder = newFolder(t)
  const store = localStore(t, folder)
  t.throws(() => localStore(t, folder), { code: 'PL_STORE_BUSY', message: `process ${process.pid}` })
  await store.addAccount('Ann', NOW)
  await store.close()
  t.notOk(readdirSync(folder).includes('lock.pid'))
  t.equal((await localStore(t, folder).listAccounts()).length, 1)
})

t.test('a database of a newer version is refused', async (t) => {
  const folder = newFolder(t)
  const file = join(folder, 'pilotlight.db')
  await localStore(t, folder).close()
  const database = new Database(file)
  t.equal(schemaVersion(database), MIGRATIONS.length)
  database.pragma('journal_mode = DELETE')
  database.pragma(`user_version = ${MIGRATIONS.length + 1}`)
  database.close()
  const before = digest(file)
  t.throws(() => localStore(t, folder), {
    code: 'PL_STORE_NEWER',
    message: new RegExp(`schema ${MIGRATIONS.length + 1}, this program ${MIGRATIONS.length}`),
  })
  t.equal(digest(file), before, 'and not touched')
})

t.test('files that are not ours', async (t) => {
  const folder = newFolder(t)
  const file = join(folder, 'pilotlight.db')
  for (const content of ['hello', 'hello '.repeat(2000), Buffer.alloc(8192, 0xff)]) {
    writeFileSync(file, content)
    t.throws(() => localStore(t, folder), { code: 'PL_STORE_NOT_DATABASE' })
    t.equal(readFileSync(file).compare(Buffer.from(content)), 0, 'and not touched')
  }
  rmSync(file)
  const other = new Database(file)
  other.exec('CREATE TABLE notes (text)')
  other.close()
  t.throws(() => localStore(t, folder), { code: 'PL_STORE_NOT_DATABASE', message: /another program/ })
  t.notOk(existsSync(join(folder, 'keys.json')), 'no key file was made')
})

t.test('half written files of a killed process are removed', async (t) => {
  const folder = newFolder(t)
  const left = ['keys.json.0123abcd.partial', 'restored.db.0123abcd.partial', 'restored.db.0123abcd.partial-journal']
  for (const name of [...left, 'mine.partial']) writeFileSync(join(folder, name), 'secret')
  await localStore(t, folder).close()
  t.strictSame(readdirSync(folder).sort(), ['keys.json', 'lock.db', 'mine.partial', 'pilotlight.db'])
})

t.test('a damaged database', async (t) => {
  const folder = newFolder(t)
  const file = join(folder, 'pilotlight.db')
  const store = localStore(t, folder)
  await enrolled(store, (await store.addAccount('Ann', NOW)).account, 1)
  await store.close()
  const content = readFileSync(file)
  writeFileSync(file, content.fill(0xaa, 4096))
  try {
    await localStore(t, folder).listDevices(null)
    t.fail('it was read')
  } catch (error) {
    t.match(error, { name: 'PilotlightError', code: 'PL_STORE_DAMAGED' })
  }
})

t.test('folders that cannot be used', (t) => {
  const folder = newFolder(t)
  writeFileSync(join(folder, 'file'), '')
  t.throws(() => localStore(t, join(folder, 'file')), { code: 'PL_STORE_FOLDER' })
  t.throws(() => localStore(t, join(folder, 'file', 'below')), { code: 'PL_STORE_FOLDER' })
  mkdirSync(join(folder, 'a', 'pilotlight.db'), { recursive: true })
  t.throws(() => localStore(t, join(folder, 'a')), { code: 'PL_STORE_FOLDER' })
  mkdirSync(join(folder, 'b', 'keys.json'), { recursive: true, mode: 0o700 })
  t.throws(() => localStore(t, join(folder, 'b')), { name: 'PilotlightError' })
  t.throws(() => localStore(t, '/proc/pilotlight'), { code: 'PL_STORE_FOLDER' })
  t.end()
})

t.test('key files that are not ours', async (t) => {
  const folder = newFolder(t)
  const file = join(folder, 'keys.json')
  await localStore(t, folder).close()
  const good = readFileSync(file, 'utf8')
  const changed = (change: (keys: Record<string, never>) => void) => {
    const keys = JSON.parse(good) as Record<string, never>
    change(keys)
    return JSON.stringify(keys)
  }
  const bad: [string, string][] = [
    ['', 'PL_KEYS_INVALID'],
    ['null', 'PL_KEYS_INVALID'],
    [good.slice(0, -10), 'PL_KEYS_INVALID'],
    [changed((keys) => Reflect.deleteProperty(keys, 'masterKey')), 'PL_KEYS_INVALID'],
    [changed((keys) => Reflect.set(keys, 'puidKey', 'AAAA')), 'PL_KEYS_INVALID'],
    [changed((keys) => Reflect.set(keys, 'statics', [])), 'PL_KEYS_INVALID'],
    [changed((keys) => Reflect.set(keys, 'statics', [null])), 'PL_KEYS_INVALID'],
    [changed((keys) => Reflect.set(keys, 'version', 'x')), 'PL_KEYS_INVALID'],
    [changed((keys) => Reflect.set(keys, 'format', 2)), 'PL_STORE_NEWER'],
    [changed((keys) => Reflect.set(keys, 'masterKey', 'A'.repeat(43))), 'PL_KEYS_WRONG'],
  ]
  for (const [text, code] of bad) {
    writeFileSync(file, text)
    t.throws(() => localStore(t, folder), { code }, `${code} ${text.slice(0, 20)}`)
  }
  rmSync(file)
  t.throws(() => localStore(t, folder), { code: 'PL_KEYS_MISSING' })
  t.notOk(existsSync(file), 'no other one is made')
  writeFileSync(file, good, { mode: 0o600 })
  t.doesNotThrow(() => localStore(t, folder))
})

t.test('a first start that was cut off goes on', async (t) => {
  const folder = newFolder(t)
  openDatabase(join(folder, 'pilotlight.db')).close() // before the key file
  await localStore(t, folder).close()
  const database = new Database(join(folder, 'pilotlight.db'))
  database.prepare('UPDATE meta SET key_check = NULL').run() // before the key check
  database.close()
  await localStore(t, folder).close()
  t.ok(existsSync(join(folder, 'keys.json')))
})

t.test('a key file whose database is gone is no fresh start', async (t) => {
  const folder = newFolder(t)
  const file = join(folder, 'pilotlight.db')
  const engine = { folder, keyFile: join(folder, 'keys.json'), crypto: nobleCrypto }
  await localStore(t, folder).close()
  rmSync(file)
  t.throws(() => openEngine(engine), { code: 'PL_STORE_MISSING', message: /serve --new-database/ })
  t.notOk(existsSync(file), 'nothing was made')
  writeFileSync(file, '')
  t.throws(() => openEngine(engine), { code: 'PL_STORE_MISSING' }, 'an empty file is none')
  const keys = readFileSync(engine.keyFile)
  openEngine({ ...engine, newDatabase: true }).close()
  t.same(readFileSync(engine.keyFile), keys, 'the keys stay')
  openEngine(engine).close()
  const fresh = join(folder, 'fresh')
  openEngine({ ...engine, folder: fresh, keyFile: join(fresh, 'keys.json'), newDatabase: true }).close()
  t.ok(existsSync(join(fresh, 'keys.json')), 'the wish harms no first start')
})

/** A store with something of everything. */
async function filled(
  t: Test,
  folder: string,
): Promise<{ store: Store; account: string; session: Uint8Array; psk: Uint8Array }> {
  const store = localStore(t, folder)
  await store.boot(NOW)
  const { account, person } = await store.addAccount('Ann', NOW)
  const { device, psk } = await enrolled(store, account, 1)
  const session = bytes(200, 1)
  await store.endpoint({ kind: 'save-session', device, rotation: 3, session })
  await store.hub({
    kind: 'put-list',
    request: 1,
    person,
    base: 0,
    version: 1,
    sealed: bytes(1024, 1),
    clockSeconds: 0,
  })
  await store.hub({ kind: 'put-ring', request: 1, ring: bytes(16, 1), untilMs: NOW, row: bytes(99, 1) })
  await store.addEnrolmentCode(account, NOW, 86_400_000)
  await store.addApp('Chat', NOW)
  return { store, account, session, psk }
}

t.test('backup and restore', async (t) => {
  const [folder, target] = [newFolder(t), join(newFolder(t), 'new')]
  const file = join(newFolder(t), 'backup.db')
  const { store, session, psk } = await filled(t, folder)
  const { keys, bootSeconds } = await store.boot(NOW)
  const [apps, accounts] = [await store.listApps(), await store.listAccounts()]
  const [made, late] = await Promise.all([store.backup(file), store.addAccount('Bob', NOW)])
  t.equal(made.bytes, statSync(file).size)
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.equal(late.person, 2, 'the store goes on meanwhile')
  await t.rejects(store.backup(file), { code: 'PL_BACKUP_EXISTS' })
  await t.rejects(store.backup(join(folder, 'none', 'backup.db')), { code: /PL_STORE_FOLDER|PL_STORE_FAILED/ })
  t.strictSame(readdirSync(join(file, '..')), ['backup.db'], 'nothing else is left')

  await restore({ file, folder: target })
  t.equal(statSync(join(target, 'keys.json')).mode & 0o777, 0o600)
  const restored = localStore(t, target)
  const boot = await restored.boot(NOW)
  t.ok(boot.bootSeconds > bootSeconds)
  t.strictSame(boot.keys, keys)
  t.strictSame(boot.apps, apps)
  t.strictSame((await restored.listAccounts()).slice(0, 1), accounts)
  t.match(await restored.listDevices(null), [{ name: 'phone 1', rotation: 3, session }])
  t.match(await restored.endpoint({ kind: 'find-device', request: 1, publicKey: bytes(32, 1) }), { device: { psk } })
  t.match(await restored.hub({ kind: 'get-list', request: 1, person: 1 }), { version: 1, sealed: bytes(1024, 1) })
  const next = await restored.addAccount('Cid', NOW)
  t.ok(next.person > 1_000_000, 'no number that the lost store may have given')
  t.ok((await restored.addApp('Shop', NOW)).app.app > 1_000_000)
  await restored.close()
  const database = new Database(join(target, 'pilotlight.db'))
  t.equal(database.pragma('integrity_check', { simple: true }), 'ok')
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all()
  t.notOk(tables.includes('key_file'), 'the keys are not left in the database')
  database.close()
  const master = JSON.parse(readFileSync(join(target, 'keys.json'), 'utf8')) as { masterKey: string }
  t.equal(readFileSync(join(target, 'pilotlight.db')).indexOf(master.masterKey), -1)
})

t.test('a backup has no rings, no outcomes, no consents and no codes', async (t) => {
  const file = join(newFolder(t), 'backup.db')
  const { store } = await filled(t, newFolder(t))
  const untilMs = NOW + 60_000
  const [ring, grant, row] = [new Uint8Array(16).fill(7), new Uint8Array(16).fill(8), new Uint8Array(9)]
  await store.hub({ kind: 'put-ring', request: 1, ring, untilMs, row, outcome: row })
  await store.hub({ kind: 'put-grant', request: 2, grant, untilMs, row, clockSeconds: 0 })
  await store.backup(file)
  const database = new Database(file, { readonly: true })
  t.doesNotThrow(() => expectOurs(database, file))
  for (const table of ['rings', 'outcomes', 'hour_keys', 'grants', 'codes', 'sessions']) {
    t.equal(database.prepare(`SELECT count(*) FROM ${table}`).pluck().get(), 0, table)
  }
  t.equal(database.pragma('integrity_check', { simple: true }), 'ok')
  database.close()
})

t.test('restore refuses', async (t) => {
  const [folder, source] = [newFolder(t), newFolder(t)]
  const file = join(source, 'backup.db')
  const { store } = await filled(t, folder)
  await store.backup(file)
  await t.rejects(restore({ file, folder, force: true }), { code: 'PL_STORE_BUSY' })
  await store.close()
  const before = digest(join(folder, 'pilotlight.db'))
  await t.rejects(restore({ file, folder }), { code: 'PL_RESTORE_NOT_EMPTY' })
  await t.rejects(restore({ file: join(source, 'none.db'), folder, force: true }), { code: 'PL_STORE_FOLDER' })

  const bad = join(source, 'bad.db')
  const whole = readFileSync(file)
  const cases: [string, Uint8Array, string][] = [
    ['no database', Buffer.from('hello'), 'PL_BACKUP_INVALID'],
    ['empty', Buffer.alloc(0), 'PL_BACKUP_INVALID'],
    ['cut', whole.subarray(0, whole.length / 2), 'PL_BACKUP_INVALID'],
    ['no keys', readFileSync(join(folder, 'pilotlight.db')), 'PL_BACKUP_INVALID'],
  ]
  for (const [name, content, code] of cases) {
    writeFileSync(bad, content)
    await t.rejects(restore({ file: bad, folder, force: true }), { code }, name)
  }
  const changes: [string, string, string][] = [
    ['newer', `PRAGMA user_version = ${MIGRATIONS.length + 1}`, 'PL_STORE_NEWER'],
    ['broken keys', "UPDATE key_file SET content = 'x'", 'PL_BACKUP_INVALID'],
    ['another program', 'PRAGMA application_id = 1', 'PL_BACKUP_INVALID'],
  ]
  for (const [name, sql, code] of changes) {
    copyFileSync(file, bad)
    const database = new Database(bad)
    database.exec(sql)
    database.close()
    await t.rejects(restore({ file: bad, folder, force: true }), { code }, name)
  }
  const keyFile = join(source, 'no', 'such', 'folder', 'keys.json')
  await t.rejects(restore({ file, folder, keyFile, force: true }), { code: 'PL_STORE_FOLDER' })
  t.equal(digest(join(folder, 'pilotlight.db')), before, 'the old store is untouched')
  t.equal((await localStore(t, folder).listAccounts()).length, 1)
})

t.test('restore over another store, by force', async (t) => {
  const [folder, other] = [newFolder(t), newFolder(t)]
  const file = join(newFolder(t), 'backup.db')
  const first = await filled(t, folder)
  await first.store.backup(file)
  const { keys } = await first.store.boot(NOW)
  const replaced = localStore(t, other)
  const { bootSeconds } = await replaced.boot(NOW + 1_000_000_000) // its clock was ahead
  await replaced.addAccount('Eve', NOW)
  await replaced.close()
  await restore({ file, folder: other, force: true })
  const store = localStore(t, other)
  const boot = await store.boot(NOW)
  t.ok(boot.bootSeconds > bootSeconds, 'also above those of the store that was replaced')
  t.strictSame(boot.keys, keys)
  t.strictSame(
    (await store.listAccounts()).map(({ name }) => name),
    ['Ann'],
  )
})

t.test('a restore that was cut off goes on at the next start', async (t) => {
  const file = join(newFolder(t), 'backup.db')
  const { store } = await filled(t, newFolder(t))
  await store.backup(file)
  const steps: ((folder: string) => void)[] = [
    (folder) => copyFileSync(file, join(folder, 'restored.db')),
    (folder) => {
      // the keys are written and dropped from the copy, the last rename is missing
      copyFileSync(file, join(folder, 'restored.db'))
      finishRestore(folder, join(folder, 'keys.json'))
      renameSync(join(folder, 'pilotlight.db'), join(folder, 'restored.db'))
      writeFileSync(join(folder, 'pilotlight.db'), 'old')
      writeFileSync(join(folder, 'pilotlight.db-wal'), 'old')
    },
  ]
  for (const step of steps) {
    const folder = newFolder(t)
    const old = localStore(t, folder)
    await old.addAccount('Eve', NOW)
    await old.close()
    step(folder)
    const store = localStore(t, folder)
    await store.boot(NOW)
    t.strictSame(
      (await store.listAccounts()).map(({ name }) => name),
      ['Ann'],
    )
    t.notOk(existsSync(join(folder, 'restored.db')))
  }
})
