/** What a thief of the disk finds. */
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import t, { type Test } from 'tap'
import { nobleCrypto } from '../../src/crypto/noble.js'
import { openEngine } from '../../src/store/engine.js'
import { HOUR_MS } from '../../src/store/hour-keys.js'
import { readKeyFile } from '../../src/store/key-file.js'
import { RowSealer, randomRowKey, rowPlace, SEAL_BYTES } from '../../src/store/row-sealer.js'
import { bytes, enrolled, loaded, localStore, NOW, newEngine, newFolder } from './folder.js'

/** A copy of a store's folder as a thief or a snapshot gets it, while the store is open. */
function copyOf(t: Test, folder: string): string {
  const copy = newFolder(t)
  execFileSync('cp', ['-r', `${folder}/.`, copy]) // another process: see commit.test.ts
  return copy
}

/** All bytes of all files but the key file. */
function diskBytes(folder: string): Buffer {
  const names = readdirSync(folder).filter((name) => name !== 'keys.json')
  return Buffer.concat(names.map((name) => readFileSync(join(folder, name))))
}

function open(folder: string): Database.Database {
  return new Database(join(folder, 'pilotlight.db'))
}

const DAY_MS = 24 * HOUR_MS
const marker = (seed: number) => Buffer.from(`plain ring ${seed} `.repeat(20))
const ring = (seed: number, untilMs: number) =>
  ({ kind: 'put-ring', request: seed, ring: bytes(16, seed), untilMs, row: new Uint8Array(marker(seed)) }) as const

t.test('files are for the owner alone', async (t) => {
  const folder = join(newFolder(t), 'made', 'here')
  const store = localStore(t, folder)
  await store.addAccount('Ann', NOW)
  t.equal(statSync(folder).mode & 0o777, 0o700)
  const modes = readdirSync(folder).map((name) => [name, (statSync(join(folder, name)).mode & 0o077).toString(8)])
  t.strictSame(
    modes.filter(([name]) => name !== 'lock.pid'),
    ['keys.json', 'lock.db', 'pilotlight.db', 'pilotlight.db-wal'].map((name) => [name, '0']),
  )
})

t.test('a key file that others may read is refused', (t) => {
  const folder = newFolder(t)
  localStore(t, folder).close()
  for (const mode of [0o640, 0o604, 0o620, 0o644]) {
    chmodSync(join(folder, 'keys.json'), mode)
    t.throws(() => localStore(t, folder), { code: 'PL_KEYS_OPEN' }, mode.toString(8))
  }
  chmodSync(join(folder, 'keys.json'), 0o600)
  t.doesNotThrow(() => localStore(t, folder))
  t.end()
})

t.test('no secret is on the disk in the clear', async (t) => {
  const folder = newFolder(t)
  const store = localStore(t, folder)
  await store.boot(NOW)
  const { account } = await store.addAccount('Ann', NOW)
  const code = (await store.addEnrolmentCode(account, NOW, 1000)) ?? ''
  const { psk, device } = await enrolled(store, account, 1)
  const session = bytes(256, 99)
  await store.endpoint({ kind: 'commit-session', request: 1, device, stampMs: 1, rotation: 1, session })
  await store.hub(ring(5, NOW))
  const { apiKey } = await store.addApp('Chat', NOW)
  const { keys } = await store.boot(NOW)
  const copy = copyOf(t, folder)
  await store.close()
  const secrets: Record<string, Uint8Array> = {
    psk,
    session: session.subarray(0, 16),
    'ring row': marker(5).subarray(0, 16),
    code: Buffer.from(code),
    'plain code': Buffer.from(code.replaceAll('-', '')),
    'API key': Buffer.from(apiKey.slice(3)),
    ...Object.fromEntries(
      Object.entries(keys).flatMap(([name, key]) => (key instanceof Uint8Array ? [[name, key]] : [])),
    ),
    'static secret': keys.staticSecrets[0] as Uint8Array,
    'master key': readKeyFile(join(folder, 'keys.json'))?.masterKey as Uint8Array,
  }
  for (const [name, secret] of Object.entries(secrets)) {
    t.equal(diskBytes(copy).indexOf(secret), -1, `${name}, open`)
    t.equal(diskBytes(folder).indexOf(secret), -1, `${name}, closed`)
  }
  t.not(diskBytes(folder).indexOf(bytes(32, 1)), -1, 'the search finds what is there')
})

t.test('no table names a person and an application', (t) => {
  const folder = newFolder(t)
  localStore(t, folder).close()
  const database = open(folder)
  const tables = database.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'table'").all() as {
    name: string
    sql: string
  }[]
  // Who develops an application, as opposed to who uses it: docs/threat-model.md.
  const plain = tables.map(({ name, sql }) => ({
    name,
    sql: sql.replace(/owner INTEGER REFERENCES accounts .*?NULL/, ''),
  }))
  const linked = plain.filter(({ sql }) => /\b(accounts?|person|puid)\b/.test(sql) && /\bapps?(_id)?\b/.test(sql))
  t.strictSame(linked, [])
  t.strictSame(tables.map(({ name }) => name).sort(), [
    'accounts',
    'app_keys',
    'apps',
    'codes',
    'devices',
    'free_slots',
    'grants',
    'hour_keys',
    'identities',
    'meta',
    'outcomes',
    'passkeys',
    'rings',
    'sessions',
    'sqlite_sequence',
    'webhooks',
  ])
  database.close()
  t.end()
})

t.test('no two blobs under one key have the same nonce', async (t) => {
  const sealer = new RowSealer(nobleCrypto, new Uint8Array(32).fill(7))
  const place = rowPlace('devices.session', 1)
  const starts = new Set<string>()
  for (let nth = 0; nth < 1000; nth++) {
    const sealed = sealer.seal(place, Uint8Array.of(1))
    starts.add(Buffer.from(sealed.subarray(0, 20)).toString('hex'))
    if (nth % 100 === 0) t.strictSame(sealer.open(place, sealed), Uint8Array.of(1))
  }
  t.equal(starts.size, 1000, 'epoch and nonce')
})

t.test('a sealed blob opens nowhere but in its own place', async (t) => {
  const folder = newFolder(t)
  let store = localStore(t, folder)
  await store.boot(NOW)
  const { account } = await store.addAccount('Ann', NOW)
  for (const seed of [1, 2, 3]) {
    const { device } = await enrolled(store, account, seed)
    await store.endpoint({ kind: 'save-session', device, rotation: 1, session: bytes(32, seed) })
    await store.hub(ring(seed, NOW))
  }
  await store.close()

  const database = open(folder)
  const cell = (column: string, slot: number) =>
    database.prepare(`SELECT ${column} FROM devices WHERE slot = ?`).pluck().get(slot)
  const [first, second] = [cell('session', 0), cell('session', 1)]
  database.prepare('UPDATE devices SET session = ? WHERE slot = 0').run(second)
  database.prepare('UPDATE devices SET session = ?, psk = ? WHERE slot = 1').run(cell('psk', 1), first)
  database.prepare('UPDATE devices SET generation = 1 WHERE slot = 2').run()
  const row = database.prepare('SELECT row FROM rings WHERE ring = ?').pluck().get(bytes(16, 1))
  database.prepare('UPDATE rings SET row = ? WHERE ring = ?').run(row, bytes(16, 2))
  database.close()

  store = localStore(t, folder)
  const boot = await loaded(store)
  t.strictSame(
    boot.devices.map(({ session }) => session),
    [null, null, null],
  )
  t.strictSame(
    boot.rings.map((one) => one.ring),
    [bytes(16, 1), bytes(16, 3)],
  )
  t.equal(boot.unreadable, 4)
  const find = (seed: number) => store.endpoint({ kind: 'find-device', request: 1, publicKey: bytes(32, seed) })
  t.match(await find(1), { device: { rotation: 1 } })
  await t.rejects(find(2), { code: 'PL_STORE_SEAL' }, "another column's blob")
  await t.rejects(find(3), { code: 'PL_STORE_SEAL' }, "another generation's blob")
})

t.test('row sealer', (t) => {
  const key = randomRowKey()
  const sealer = new RowSealer(nobleCrypto, key)
  const place = rowPlace('devices.psk', 5, 1)
  const sealed = sealer.seal(place, bytes(40, 1))
  t.equal(sealed.length, 40 + SEAL_BYTES)
  t.not(String(sealer.seal(place, bytes(40, 1))), String(sealed), 'never the same twice')
  t.strictSame(new RowSealer(nobleCrypto, key).open(place, sealed), bytes(40, 1))
  t.equal(new RowSealer(nobleCrypto, randomRowKey()).open(place, sealed), null)
  for (const other of [
    rowPlace('devices.psk', 5, 2),
    rowPlace('devices.psk', 6, 1),
    rowPlace('devices.session', 5, 1),
  ]) {
    t.equal(sealer.open(other, sealed), null)
  }
  const opened = Array.from(sealed, (_, i) => sealer.open(place, sealed.with(i, (sealed[i] as number) ^ 1)))
  t.ok(
    opened.every((plain) => plain === null),
    'any byte changed',
  )
  t.ok(
    opened.every((_, length) => sealer.open(place, sealed.subarray(0, length)) === null),
    'cut at any length',
  )
  t.end()
})

/** Sealed bytes of rings and hours' keys, straight from a copy. */
function ringBlobs(folder: string) {
  const database = open(folder)
  const rings = database.prepare('SELECT ring, hour_key AS hourKey, row FROM rings').all()
  const keys = database.prepare('SELECT id, key FROM hour_keys').all()
  database.close()
  return {
    rings: rings as { ring: Buffer; hourKey: number; row: Buffer }[],
    keys: keys as { id: number; key: Buffer }[],
  }
}

/** Opens a ring's row with the key file and the hours' keys of a copy, as the server would. */
function openRing(
  keyFile: string,
  keys: { id: number; key: Buffer }[],
  stolen: { ring: Buffer; hourKey: number; row: Buffer },
) {
  const sealer = new RowSealer(nobleCrypto, readKeyFile(keyFile)?.masterKey as Uint8Array)
  for (const { id, key: sealed } of keys) {
    const key = sealer.open(rowPlace('hour_keys.key', id), sealed)
    const plain =
      key && new RowSealer(nobleCrypto, key).open(rowPlace('rings.row', stolen.hourKey, stolen.ring), stolen.row)
    if (plain) return plain
  }
  return null
}

t.test('when the rings of an hour are gone, nothing opens their rows', async (t) => {
  const folder = newFolder(t)
  const keyFile = join(folder, 'keys.json')
  const { engine, clock } = newEngine(t, folder)
  const hub = (...requests: object[]) =>
    engine.run(requests.map((request) => ({ method: 'hub', args: [request] }) as never))
  engine.boot(NOW)
  hub(ring(1, NOW + DAY_MS), ring(2, NOW + DAY_MS), ring(1, NOW + DAY_MS))
  const stolen = ringBlobs(copyOf(t, folder))
  t.equal(stolen.rings.length, 2)
  t.strictSame(
    stolen.rings.map((one) => openRing(keyFile, stolen.keys, one)).sort(),
    [1, 2].map((seed) => new Uint8Array(marker(seed))),
    'the test can open rows while their key lives',
  )

  clock.ms += HOUR_MS
  hub(ring(3, NOW + DAY_MS)) // the next hour
  hub({ kind: 'drop-ring', ring: bytes(16, 1) })
  engine.tidy()
  t.equal(ringBlobs(copyOf(t, folder)).keys.length, 2, 'a row is left')
  hub({ kind: 'drop-ring', ring: bytes(16, 2) })
  engine.tidy()
  for (const [when, copy] of [
    ['open', copyOf(t, folder)],
    ['closed', folder],
  ] as const) {
    if (when === 'closed') engine.close()
    const disk = diskBytes(copy)
    for (const { key } of stolen.keys) {
      t.equal(disk.indexOf(key), -1, `the sealed key, ${when}`)
      t.equal(disk.indexOf(key.subarray(20, 36)), -1, `a part of it, ${when}`)
    }
    for (const { row } of stolen.rings) {
      t.equal(disk.indexOf(row), -1, `the sealed row, ${when}`)
      t.equal(disk.indexOf(row.subarray(20, 36)), -1, `a part of it, ${when}`)
    }
    t.equal(disk.indexOf('plain ring'), -1, `its text, ${when}`)
    const now = ringBlobs(copy)
    t.equal(now.keys.length, 1)
    for (const one of stolen.rings) t.equal(openRing(keyFile, now.keys, one), null, `the old row, ${when}`)
    t.ok(
      now.rings.every((one) => openRing(keyFile, now.keys, one) !== null),
      'rings in flight open',
    )
  }
})

t.test('keys of hours', (t) => {
  const folder = newFolder(t)
  const { engine, clock } = newEngine(t, folder)
  const keys = () => ringBlobs(copyOf(t, folder)).keys.map(({ id }) => id)
  const put = (seed: number, untilMs: number) => engine.run([{ method: 'hub', args: [ring(seed, untilMs)] }])
  engine.boot(NOW)
  t.strictSame(keys(), [])
  put(1, NOW + DAY_MS)
  put(2, NOW + DAY_MS)
  t.strictSame(keys(), [1])
  clock.ms += HOUR_MS
  put(3, NOW + DAY_MS + HOUR_MS)
  t.strictSame(keys(), [1, 2])
  clock.ms += DAY_MS - HOUR_MS
  engine.tidy()
  t.strictSame(keys(), [1, 2], 'until the time that came with the row, and no longer')
  clock.ms += 1
  engine.tidy()
  t.strictSame(keys(), [2])
  clock.ms += HOUR_MS
  engine.tidy()
  t.strictSame(keys(), [])
  put(4, NOW + 2 * DAY_MS)
  engine.boot(NOW) // the clock was set back by a day
  put(5, NOW + 2 * DAY_MS)
  t.strictSame(keys(), [3, 4])
  engine.run([4, 5].map((seed) => ({ method: 'hub', args: [{ kind: 'drop-ring', ring: bytes(16, seed) }] }) as never))
  engine.tidy()
  t.strictSame(keys(), [4], 'the key of this hour stays')
  engine.close()
  t.strictSame(ringBlobs(folder).keys, [], 'but not over a stop')
  t.end()
})

t.test('deleted rows are overwritten', async (t) => {
  const folder = newFolder(t)
  const { engine } = newEngine(t, folder)
  const run = (method: string, ...args: unknown[]) => {
    const [outcome] = engine.run([{ method, args } as never])
    return (outcome as { value: never }).value
  }
  const { account, person } = run('addAccount', 'Secret Name', NOW) as { account: string; person: number }
  const request = { kind: 'put-list', request: 1, person, base: 0, version: 1, sealed: bytes(8000, 7), clockSeconds: 0 }
  run('hub', request)
  engine.tidy()
  t.not(diskBytes(copyOf(t, folder)).indexOf('Secret Name'), -1)
  t.not(diskBytes(copyOf(t, folder)).indexOf(bytes(300, 7).subarray(200)), -1)
  run('removeAccount', account)
  engine.tidy()
  t.equal(diskBytes(copyOf(t, folder)).indexOf('Secret Name'), -1)
  t.equal(diskBytes(copyOf(t, folder)).indexOf(account), -1)
  t.equal(diskBytes(copyOf(t, folder)).indexOf(bytes(300, 7).subarray(200)), -1)
})

t.test('a consent that a device took leaves nothing, in the database or the WAL, once it is tidied', async (t) => {
  const folder = newFolder(t)
  const { engine } = newEngine(t, folder)
  const grant = bytes(16, 3)
  const run = (request: object) => engine.run([{ method: 'hub', args: [request] } as never])
  engine.boot(NOW)
  run({ kind: 'put-grant', request: 1, grant, untilMs: NOW + DAY_MS, row: new Uint8Array(marker(9)), clockSeconds: 0 })
  const database = open(copyOf(t, folder))
  const stolen = database.prepare('SELECT key, row FROM grants').get() as { key: Buffer; row: Buffer }
  database.close()
  run({ kind: 'drop-grant', grant })
  t.ok(diskBytes(copyOf(t, folder)).includes(stolen.row), 'the WAL has it until then: the test would find it')
  engine.tidy()
  const disk = diskBytes(copyOf(t, folder))
  for (const part of [
    Buffer.from(grant),
    stolen.key,
    stolen.row,
    stolen.key.subarray(20, 36),
    stolen.row.subarray(20, 36),
  ]) {
    t.notOk(disk.includes(part))
  }
})

t.test('the key file may be kept elsewhere', async (t) => {
  const folder = newFolder(t)
  mkdirSync(join(folder, 'var'))
  const options = { folder: join(folder, 'var'), keyFile: join(folder, 'k.json'), crypto: nobleCrypto }
  openEngine(options).close()
  t.notOk(readdirSync(options.folder).includes('keys.json'))
  t.equal(statSync(options.keyFile).mode & 0o777, 0o600)
  openEngine(options).close()
})

t.test('an outcome for a webhook is one commit with its ring, sealed, and gone when it was told', async (t) => {
  const folder = newFolder(t)
  const store = localStore(t, folder)
  await store.boot(NOW)
  const outcome = new Uint8Array(marker(7))
  await store.hub({ ...ring(7, NOW + DAY_MS), outcome })
  t.notOk(diskBytes(copyOf(t, folder)).includes('plain ring 7'))
  t.match((await store.boot(NOW)).outcomes, [{ ring: bytes(16, 7), row: outcome }], 'it survives a start')
  await store.hub({ kind: 'drop-ring', ring: bytes(16, 7) })
  await store.hub({ kind: 'drop-outcome', ring: bytes(16, 7) })
  store.close()
  const database = open(folder)
  for (const table of ['rings', 'outcomes', 'hour_keys']) {
    t.equal(database.prepare(`SELECT count(*) FROM ${table}`).pluck().get(), 0, `${table}: nothing is left, nor a key`)
  }
  database.close()
})

t.test('the secrets of a webhook are sealed, and go with their application', async (t) => {
  const folder = newFolder(t)
  const store = localStore(t, folder)
  await store.boot(NOW)
  const { app } = (await store.addApp('Chat', NOW)).app
  const config = new Uint8Array(Buffer.from('{"secrets":["whsec_plain"]}'))
  t.equal(await store.putWebhook(app, config), true)
  t.equal(await store.putWebhook(app + 1, config), false, 'no such application')
  t.notOk(diskBytes(copyOf(t, folder)).includes('whsec_plain'))
  t.match(await store.listWebhooks(), [{ app, config }])
  await store.removeApp(`app_${Buffer.from((await store.listApps())[0]!.appId).toString('hex')}`)
  t.same(await store.listWebhooks(), [])
})
