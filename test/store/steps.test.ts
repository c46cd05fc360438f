/** Sessions whose root changes: with a promise beside it, and without what was before. wire-spec §5.6. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import t from 'tap'
import { nobleCrypto } from '../../src/crypto/noble.js'
import { partsBelow, SLOTS_PER_PART } from '../../src/endpoint/device-handle.js'
import { openDatabase } from '../../src/store/database.js'
import { ROWS_PER_PART } from '../../src/store/parts.js'
import type { Enrolment } from '../../src/store/store.js'
import { openTables } from '../../src/store/tables.js'
import { bytes, devicesIn, enrolled, type LoadedDevice, loaded, localStore, NOW, newFolder } from './folder.js'

/** Bytes of a saved session, and of one with a promise. */
const [PLAIN, PROMISED] = [112, 208]

/** The sealed session as it lies in the table. */
function sealedIn(folder: string): Buffer {
  const database = new Database(join(folder, 'pilotlight.db'), { readonly: true })
  const sealed = database.prepare('SELECT session FROM devices').pluck().get() as Buffer
  database.close()
  return sealed
}

function diskBytes(folder: string): Buffer {
  return Buffer.concat(readdirSync(folder).map((name) => readFileSync(join(folder, name))))
}

t.test('a promise comes back from the store as it was committed; after the step nothing of it is left', async (t) => {
  const folder = newFolder(t)
  let store = localStore(t, folder)
  const { account } = await store.addAccount('Ann', NOW)
  const { device } = await enrolled(store, account, 1)
  const commit = { kind: 'commit-session', request: 1, device, stampMs: 0, rotation: 1 } as const
  const old = bytes(PLAIN, 5)
  const promised = bytes(PROMISED, 6)
  const stepped = bytes(PLAIN, 7)
  await store.endpoint({ ...commit, session: old })
  await store.close()
  const sealedOld = sealedIn(folder)
  store = localStore(t, folder)
  await store.endpoint({ ...commit, request: 2, session: promised })
  await store.close()
  const sealedPromised = sealedIn(folder)
  store = localStore(t, folder)
  const { devices } = await loaded(store)
  t.strictSame(devices[0]?.session, promised)
  await store.endpoint({ kind: 'save-session', device, rotation: 1, session: stepped })
  await store.close()
  const disk = diskBytes(folder)
  t.not(disk.indexOf(sealedIn(folder).subarray(0, 64)), -1, 'the search finds what is there')
  for (const sealed of [sealedOld, sealedPromised]) {
    t.equal(disk.indexOf(sealed.subarray(-64)), -1)
    t.equal(disk.indexOf(sealed.subarray(0, 64)), -1)
  }
})

t.test('a start loads sessions of both lengths and none, in parts, across gaps of free slots', async (t) => {
  const database = openDatabase(join(newFolder(t), 'parts.db'))
  t.teardown(() => database.close())
  const { accounts, devices } = openTables(database, nobleCrypto, new Uint8Array(32))
  const key = (i: number) => Uint8Array.from([i & 255, i >> 8, ...new Uint8Array(30)])
  const expected: LoadedDevice[] = []
  const removed: string[] = []
  database.transaction(() => {
    accounts.add('Ann', NOW)
    for (let i = 0; i < 4 * SLOTS_PER_PART + 9; i++) {
      const { device, deviceId } = devices.add(1, key(i), 'phone', NOW) as Enrolment
      const session = i % 3 === 0 ? null : bytes(i % 3 === 1 ? PLAIN : PROMISED, i % 200)
      devices.saveSession(device, i % 1024, session)
      if (i % (2 * SLOTS_PER_PART) === 5 || Math.floor(i / SLOTS_PER_PART) === 2) removed.push(deviceId)
      else expected.push({ device, person: 1, rotation: i % 1024, session })
    }
    for (const deviceId of removed) devices.remove(deviceId)
  })()
  t.equal(devices.slots, 4 * SLOTS_PER_PART + 9)
  const numbers = partsBelow(0, devices.slots)
  // In another order than that of the slots: a part says all of itself.
  const parts = [...numbers].reverse().map((number) => devices.part(number))
  parts.reverse()
  t.same(
    parts.map(({ part, count }) => [part, count]),
    [SLOTS_PER_PART - 1, SLOTS_PER_PART, 0, SLOTS_PER_PART, 8].map((count, part) => [part, count]),
  )
  t.strictSame(parts.flatMap(devicesIn), expected)
  t.match(devices.part(16_383), { part: 16_383, count: 0, unreadable: 0 }, 'nothing is a part too')
})

t.test('persons come with the versions of their lists, and the lists stay where they are', (t) => {
  const database = openDatabase(join(newFolder(t), 'parts.db'))
  t.teardown(() => database.close())
  const { accounts } = openTables(database, nobleCrypto, new Uint8Array(32))
  database.transaction(() => {
    for (let i = 0; i < ROWS_PER_PART + 2; i++) accounts.add('Ann', NOW)
    accounts.putList(2, 0, 2 ** 48 - 1, bytes(1024, 1))
    accounts.remove(3)
  })()
  const first = accounts.part(0)
  t.same([first.count, first.next, ...first.persons.slice(0, 3)], [ROWS_PER_PART, ROWS_PER_PART + 2, 1, 2, 4])
  t.same([...first.listVersions.slice(0, 3)], [0, 2 ** 48 - 1, 0])
  const last = accounts.part(first.next)
  t.same([last.count, last.next, last.persons[0]], [1, -1, ROWS_PER_PART + 2])
  const plan = database.prepare(
    'EXPLAIN QUERY PLAN SELECT id, list_version FROM accounts INDEXED BY accounts_versions WHERE id >= 0',
  )
  t.match(plan.all(), [{ detail: /COVERING INDEX accounts_versions/ }])
  t.end()
})
