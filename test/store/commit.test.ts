/** Group commit, write-behind, full disk: on the engine and its parts, without a thread. */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type Database from 'better-sqlite3'
import t, { type Test } from 'tap'
import { nobleCrypto } from '../../src/crypto/noble.js'
import type { Call } from '../../src/store/call.js'
import { storeCalls } from '../../src/store/calls.js'
import { openDatabase } from '../../src/store/database.js'
import { GroupCommit, type Outcome } from '../../src/store/group-commit.js'
import { Health, type StoreNotice } from '../../src/store/health.js'
import { openTables, type Tables } from '../../src/store/tables.js'
import { bytes, enrolled, loaded, localStore, NOW, newEngine, newFolder } from './folder.js'

/** Transactions in a WAL: frames that carry the database's size. SQLite file format §4.1. */
function commitsIn(wal: Buffer): number {
  const frameBytes = 24 + 4096
  let commits = 0
  for (let at = 32; at + frameBytes <= wal.length; at += frameBytes) if (wal.readUInt32BE(at + 4) !== 0) commits++
  return commits
}

/** Read by another process: closing a file here would drop SQLite's lock on it (POSIX). */
function readElsewhere(file: string): Buffer {
  return execFileSync('cat', [file], { maxBuffer: 1 << 28 })
}

function put(person: number, version: number, sealed: Uint8Array, clockSeconds = 0): Call {
  const base = version - 1
  const request = { kind: 'put-list', request: version, person, base, version, sealed, clockSeconds } as const
  return { method: 'hub', args: [request] }
}

function save(device: number, rotation: number): Call {
  return { method: 'endpoint', args: [{ kind: 'save-session', device, rotation, session: bytes(200, rotation) }] }
}

function commit(device: number, rotation: number): Call {
  const session = bytes(200, rotation)
  return {
    method: 'endpoint',
    args: [{ kind: 'commit-session', request: rotation, device, stampMs: 1, rotation, session }],
  }
}

const erase = (device: number, rotation: number): Call => ({
  method: 'endpoint',
  args: [{ kind: 'erase-session', device, rotation }],
})

interface Parts {
  database: Database.Database
  tables: Tables
  group: GroupCommit
  health: Health
  /** what the operator is told */
  notices: StoreNotice[]
}

function parts(t: Test, wrap = (database: Database.Database) => database): Parts {
  const database = openDatabase(join(newFolder(t), 'pilotlight.db'))
  t.teardown(() => database.close())
  const notices: StoreNotice[] = []
  const health = new Health((notice) => notices.push(notice))
  const tables = openTables(wrap(database), nobleCrypto, bytes(32, 1), health)
  return {
    database,
    tables,
    health,
    notices,
    group: new GroupCommit(
      tables,
      storeCalls(tables, () => NOW),
      health,
    ),
  }
}

const values = (outcomes: Outcome[]) => outcomes.map((outcome) => ('value' in outcome ? outcome.value : outcome.error))

t.test('calls that wait together share one commit', async (t) => {
  const folder = newFolder(t)
  const { engine } = newEngine(t, folder)
  engine.tidy()
  const wal = join(folder, 'pilotlight.db-wal')
  const before = commitsIn(readElsewhere(wal))
  const outcomes = engine.run(
    Array.from({ length: 100 }, (_, i) => ({ method: 'addAccount', args: [`person ${i}`, NOW] }) as Call),
  )
  t.equal(outcomes.filter((outcome) => 'value' in outcome).length, 100)
  t.equal(commitsIn(readElsewhere(wal)) - before, 1)
  engine.run([{ method: 'listAccounts', args: [] }])
  t.equal(commitsIn(readElsewhere(wal)) - before, 1, 'reading writes nothing')
  engine.tidy()
  t.equal(readElsewhere(wal).length, 0, 'tidy() cuts the WAL')
})

t.test('write-behind: what came last is stored', async (t) => {
  const folder = newFolder(t)
  const store = localStore(t, folder)
  const { account } = await store.addAccount('Ann', NOW)
  const { device } = await enrolled(store, account, 1)
  const other = (await enrolled(store, account, 2)).device
  await store.close()
  const { engine } = newEngine(t, folder)
  const stored = (): (number | string)[] => {
    const [outcome] = engine.run([{ method: 'listDevices', args: [account] }])
    const rows = (outcome as { value: { device: number; rotation: number; session: Uint8Array | null }[] }).value
    const row = rows.find((one) => one.device === device)
    return [row?.rotation ?? -1, row?.session === null ? 'none' : (row?.session?.[0] ?? -1)]
  }
  const at = (rotation: number) => [rotation, bytes(1, rotation)[0]]

  t.strictSame(values(engine.run([save(device, 1), save(other, 9), save(device, 2)])), [null, null, null])
  t.equal(engine.waitingRows, 2, 'the newest of each slot')
  t.strictSame(stored(), at(2))
  t.equal(engine.waitingRows, 0, 'went with the next commit')

  engine.run([save(device, 3), commit(device, 4)])
  engine.flush()
  t.strictSame(stored(), at(4), 'save, commit')
  engine.run([commit(device, 5), save(device, 6)])
  t.equal(engine.waitingRows, 0, 'goes along with a commit')
  t.strictSame(stored(), at(6), 'commit, save')
  engine.run([save(device, 7), commit(device, 8), save(device, 9), commit(device, 10)])
  engine.flush()
  t.strictSame(stored(), at(10))
  engine.run([save(device, 11), erase(device, 12)])
  t.strictSame(stored(), [12, 'none'], 'save, erase')
  engine.run([erase(device, 13), save(device, 14)])
  t.strictSame(stored(), at(14), 'erase, save')
  engine.run([save(device, 15)])
  engine.flush()
  t.equal(engine.waitingRows, 0)
  engine.run([save(device, 16)])
  engine.close()
  const again = localStore(t, folder)
  t.equal((await loaded(again)).devices[0]?.rotation, 16, 'close() writes it')
})

t.test('a call that fails undoes only itself', (t) => {
  const { group, tables } = parts(t)
  const [ann] = values(group.run([{ method: 'addAccount', args: ['Ann', NOW] }]))
  const { person } = ann as { person: number }
  const bad = { kind: 'put-ring', request: 1, ring: null, untilMs: NOW, row: bytes(9, 1) }
  const outcomes = values(
    group.run([
      put(person, 1, bytes(10, 1)),
      { method: 'hub', args: [bad as never] },
      { method: 'addAccount', args: [null as never, NOW] },
      { method: 'hub', args: [{ kind: 'put-ring', request: 2, ring: bytes(16, 1), untilMs: NOW, row: bytes(9, 1) }] },
    ]),
  )
  t.match(outcomes[0], { ok: true, version: 1 })
  t.match(outcomes[1], { code: 'PL_STORE_FAILED' })
  t.match(outcomes[2], { code: 'PL_STORE_FAILED', message: /addAccount: NOT NULL/ })
  t.match(outcomes[3], { ok: true }, "the hour's key was made again after the rollback")
  t.equal(tables.rings.load().rings.length, 1)
  t.end()
})

t.test('how far the clock has come is committed with the list or grant that it is for, or neither is', async (t) => {
  const { database, group, tables } = parts(t)
  group.run([{ method: 'addAccount', args: ['Ann', NOW] }])
  const [grant, row] = [bytes(16, 1), bytes(9, 1)]
  const putGrant = (clockSeconds: number): Call => {
    return { method: 'hub', args: [{ kind: 'put-grant', request: 9, grant, untilMs: NOW + 1, row, clockSeconds }] }
  }
  t.match(values(group.run([put(1, 1, bytes(9, 1), 600)])), [{ ok: true }])
  database.exec(
    `CREATE TRIGGER broken BEFORE UPDATE ON meta BEGIN SELECT RAISE(ABORT, 'the page cannot be written'); END`,
  )
  t.match(values(group.run([put(1, 2, bytes(9, 2), 660), putGrant(660)])), [{ ok: false, version: 1 }, { ok: false }])
  t.match(
    values(group.run([put(1, 2, bytes(9, 2), 600)])),
    [{ ok: true }],
    'within the same minute nothing is to be written',
  )
  t.equal(tables.clockSeconds(), 600)
  t.equal(tables.grants.load().rows.length, 0)
  database.exec('DROP TRIGGER broken')
  t.match(values(group.run([put(1, 3, bytes(9, 3), 660), putGrant(720)])), [{ ok: true }, { ok: true }])
  t.equal(tables.clockSeconds(), 720)
})

t.test('full: a statement does not fit', async (t) => {
  const { database, group, health, notices } = parts(t)
  const [ann] = values(group.run([{ method: 'addAccount', args: ['Ann', NOW] }]))
  const { person } = ann as { person: number }
  const pages = database.pragma('page_count', { simple: true }) as number
  database.pragma(`max_page_count = ${pages + 4}`)
  const outcomes = values(
    group.run([
      put(person, 1, bytes(1000, 1)),
      put(person, 2, bytes(100_000, 2)),
      {
        method: 'hub',
        args: [{ kind: 'put-ring', request: 9, ring: bytes(16, 1), untilMs: NOW, row: bytes(100_000, 1) }],
      },
      { method: 'addAccount', args: ['x'.repeat(100_000), NOW] },
      put(person, 2, bytes(1000, 3)),
    ]),
  )
  t.strictSame(outcomes[0], { kind: 'stored', request: 1, ok: true, version: 1 })
  t.strictSame(outcomes[1], { kind: 'stored', request: 2, ok: false, version: 1 })
  t.strictSame(outcomes[2], { kind: 'stored', request: 9, ok: false, version: 0 })
  t.match(outcomes[3], { code: 'PL_STORE_FULL' })
  t.strictSame(outcomes[4], { kind: 'stored', request: 2, ok: true, version: 2 })
  t.equal(database.pragma('integrity_check', { simple: true }), 'ok')
  t.match(notices, [
    { kind: 'state', problem: { code: 'PL_STORE_FULL', message: /the disk is full/ } },
    { kind: 'warning', warning: { code: 'PL_STORE_FULL', message: /hub was not stored/ } },
  ])
  t.ok(health.isFailing, 'also though a later, smaller commit passed')
  health.recovered()
  health.recovered()
  t.same(notices.slice(2), [{ kind: 'state', problem: null }])
})

t.test('full: what waits in the write-behind is kept and goes first', (t) => {
  const { database, group, tables } = parts(t)
  const enrol = (seed: number) => tables.devices.add(1, bytes(32, seed), 'phone', NOW) as { device: number }
  group.run([{ method: 'addAccount', args: ['Ann', NOW] }])
  const { device } = group.alone(() => enrol(1))
  const pages = database.pragma('page_count', { simple: true }) as number
  database.pragma(`max_page_count = ${pages}`)
  const session = bytes(20_000, 1)
  group.run([{ method: 'endpoint', args: [{ kind: 'save-session', device, rotation: 1, session }] }])
  t.throws(() => group.alone(() => {}), { code: 'SQLITE_FULL' })
  t.equal(tables.writeBehind.rows, 1)
  const [refused] = values(group.run([commit(device, 2)]))
  t.strictSame(refused, { kind: 'committed', request: 2, ok: false })
  t.equal(tables.writeBehind.rows, 1, 'else the old row would overwrite a newer one later')
  const [found] = values(
    group.run([{ method: 'endpoint', args: [{ kind: 'find-device', request: 3, publicKey: bytes(32, 1) }] }]),
  )
  t.match(found, { device: { device, rotation: 1 } }, 'and it is seen')
  database.pragma(`max_page_count = ${pages + 100}`)
  t.strictSame(values(group.run([commit(device, 2)])), [{ kind: 'committed', request: 2, ok: true }])
  t.equal(tables.writeBehind.rows, 0)
  t.match([...tables.devices.all()][0], { rotation: 2, session: bytes(200, 2) })
  t.end()
})

/** A database whose COMMIT fails with `code` while `failing.on`. */
function failingCommit(failing: { on: boolean }, code: string) {
  return (database: Database.Database): Database.Database =>
    new Proxy(database, {
      get(target, name) {
        if (name === 'inTransaction') return target.inTransaction
        if (name !== 'prepare') return Reflect.get(target, name)
        return (sql: string) => {
          const statement = target.prepare(sql)
          if (sql !== 'COMMIT') return statement
          const run = () => {
            if (failing.on) throw Object.assign(new Error('no'), { code })
            return statement.run()
          }
          return { run }
        }
      },
    })
}

t.test('a commit that fails confirms nothing, and the rest is tried again', (t) => {
  const failing = { on: true }
  const { group, tables } = parts(t, failingCommit(failing, 'SQLITE_FULL'))
  const calls: Call[] = [save(0, 7), { method: 'addAccount', args: ['Ann', NOW] }, put(1, 1, bytes(9, 1)), save(0, 8)]
  const refused = values(group.run(calls))
  t.match(refused, [null, { code: 'PL_STORE_FULL' }, { ok: false, version: 0 }, null])
  t.equal(tables.accounts.all().length, 0)
  t.equal(tables.writeBehind.rotationOf(0), 8)
  failing.on = false
  t.match(values(group.run(calls)), [null, { name: 'Ann' }, { ok: true }, null])
  t.end()
})

t.test('after a sync that failed nothing is confirmed any more', (t) => {
  const failing = { on: true }
  const { group } = parts(t, failingCommit(failing, 'SQLITE_IOERR_FSYNC'))
  const call: Call = { method: 'addAccount', args: ['Ann', NOW] }
  t.match(values(group.run([call])), [{ code: 'PL_STORE_FAILED' }])
  failing.on = false
  t.match(values(group.run([call])), [{ code: 'PL_STORE_FAILED' }])
  t.end()
})

t.test('a row that can never be written does not keep the others from the disk', async (t) => {
  const { group, health, notices, tables } = parts(t)
  group.run([{ method: 'addAccount', args: ['Ann', NOW] }])
  const { device } = group.alone(() => tables.devices.add(1, bytes(32, 1), 'phone', NOW) as { device: number })
  group.alone(() => tables.devices.add(1, bytes(32, 2), 'phone', NOW))
  group.run([
    save(device, 5),
    {
      method: 'endpoint',
      args: [{ kind: 'save-session', device: device + 65536, rotation: 0.5, session: bytes(9, 1) }],
    },
  ])
  group.alone(() => {})
  t.match(
    [...tables.devices.all()].map(({ rotation }) => rotation),
    [5, 0],
  )
  t.match(notices, [{ kind: 'warning', warning: { message: /a write was dropped/ } }])
  t.notOk(health.isFailing, 'the disk is not to blame')
})

t.test('many rows are written in parts, and still in order', (t) => {
  const { group, tables } = parts(t)
  group.run([{ method: 'addAccount', args: ['Ann', NOW] }])
  const key = (i: number) => Uint8Array.from([i & 255, i >> 8, ...new Uint8Array(30)])
  const add = (i: number) => tables.devices.add(1, key(i), 'phone', NOW) as { device: number }
  const devices = group.alone(() => Array.from({ length: 2500 }, (_, i) => add(i).device))
  group.run(devices.map((device) => save(device, 1)))
  t.equal(tables.writeBehind.rows, 2500)
  group.alone(() => {}, 1000)
  t.equal(tables.writeBehind.rows, 1500)
  const last = devices.at(-1) ?? 0
  group.run([commit(last, 2)])
  t.equal(tables.writeBehind.rows, 499, 'its own row and a thousand others')
  group.alone(() => {})
  t.equal(tables.writeBehind.rows, 0)
  const rotations = [...tables.devices.all()].map(({ rotation }) => rotation)
  t.strictSame(rotations, [...new Array(2499).fill(1), 2])
  t.end()
})

t.test('a database that was cut off in the middle of a write', async (t) => {
  // The WAL of a live store, cut at every frame and in the middle of frames: each prefix is a whole number of commits.
  const folder = newFolder(t)
  const { engine } = newEngine(t, folder)
  engine.tidy()
  for (let i = 1; i <= 6; i++) engine.run([{ method: 'addAccount', args: [`${i}`, NOW] }])
  const database = readElsewhere(join(folder, 'pilotlight.db'))
  const wal = readElsewhere(join(folder, 'pilotlight.db-wal'))
  const keys = readFileSync(join(folder, 'keys.json'))
  let least = 0
  for (let length = 0; least < 6; length = Math.min(length + 2060, wal.length)) {
    const copy = newFolder(t)
    writeFileSync(join(copy, 'pilotlight.db'), database)
    writeFileSync(join(copy, 'pilotlight.db-wal'), wal.subarray(0, length))
    writeFileSync(join(copy, 'keys.json'), keys, { mode: 0o600 })
    const store = localStore(t, copy)
    const names = (await store.listAccounts()).map(({ name }) => name)
    t.strictSame(names, ['1', '2', '3', '4', '5', '6'].slice(0, names.length))
    t.ok(names.length >= least)
    least = names.length
    await store.close()
    if (length === wal.length) break
  }
  t.equal(least, 6)
})
