/** Sessions whose root changes: with a promise beside it, and without what was before. wire-spec §5.6. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import t from 'tap'
import { DEVICES_PER_PACK, packDevices, unpackDevices } from '../../src/store/device-pack.js'
import { bytes, enrolled, localStore, NOW, newFolder } from './folder.js'

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
  const { devices } = await store.boot(NOW)
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

t.test('sessions of both lengths go through one pack', async (t) => {
  const rows = Array.from({ length: DEVICES_PER_PACK + 3 }, (_, i) => ({
    device: i,
    deviceId: `dev_${i}`,
    person: 1,
    account: 'a',
    name: '',
    publicKey: bytes(32, 1),
    rotation: 0,
    createdMs: 0,
    session: i % 3 === 0 ? null : bytes(i % 3 === 1 ? PLAIN : PROMISED, i % 200),
  }))
  const back = unpackDevices(packDevices(rows))
  t.equal(back.length, rows.length)
  for (const i of [0, 1, 2, 4, 5, DEVICES_PER_PACK - 1, DEVICES_PER_PACK, DEVICES_PER_PACK + 2]) {
    t.strictSame(back[i]?.session, rows[i]?.session, `${i}`)
  }
})
