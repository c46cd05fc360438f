/** The store in its thread, as the server uses it. */
import { execFileSync } from 'node:child_process'
import { existsSync, watch } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { SLOTS_PER_PART } from '../../src/endpoint/device-handle.js'
import { openStore } from '../../src/store/open.js'
import { bytes, enrolled, loaded, localStore, NOW, newFolder, newStore } from './folder.js'

t.test('calls', async (t) => {
  const folder = newFolder(t)
  const store = await newStore(t, { folder, crypto: 'native' })
  const { account } = await store.addAccount('Ann', NOW)

  await t.test('a code lets one device in, also when three hurry', async (t) => {
    const code = (await store.addEnrolmentCode(account, NOW, 1000)) ?? ''
    const results = await Promise.all([1, 2, 3].map((seed) => store.enrol(code, bytes(32, seed), 'phone', NOW)))
    t.equal(results.filter((result) => result === 'bad-code').length, 2)
  })

  await t.test('the caller may write over its buffers', async (t) => {
    const { device, deviceId } = await enrolled(store, account, 4)
    const slab = new Uint8Array(1 << 20)
    slab.set(bytes(100, 1), 1000)
    await store.endpoint({ kind: 'save-session', device, rotation: 1, session: slab.subarray(1000, 1100) })
    slab.fill(0)
    const row = (await store.listDevices(account)).find((one) => one.deviceId === deviceId)
    t.strictSame(row?.session, bytes(100, 1))
  })

  await t.test('a call that fails has the error of the registry', async (t) => {
    const code = (await store.addEnrolmentCode(account, NOW, 1000)) ?? ''
    const bad = store.enrol(code, bytes(31, 1), 'phone', NOW)
    const good = store.addAccount('Bob', NOW)
    await t.rejects(bad, { name: 'PilotlightError', code: 'PL_STORE_FAILED', message: /enrol: .*CHECK/ })
    t.equal((await good).name, 'Bob', 'the others of its transaction are done')
    t.type(await store.enrol(code, bytes(32, 5), 'phone', NOW), 'object', 'it changed nothing')
  })

  await t.test('a second one is refused', async (t) => {
    await t.rejects(openStore({ folder, crypto: 'noble' }), { name: 'PilotlightError', code: 'PL_STORE_BUSY' })
  })

  await t.test('a backup while calls run', async (t) => {
    const file = join(newFolder(t), 'backup.db')
    const backup = store.backup(file)
    const { version } = await store.rotateKeys(NOW)
    t.equal(version, 2)
    t.ok((await backup).bytes > 0)
    await t.rejects(store.backup(file), { code: 'PL_BACKUP_EXISTS' })
  })

  await t.test('write-behind is written although nobody waits', async (t) => {
    const { device, deviceId } = await enrolled(store, account, 6)
    const changed = new Promise<void>((resolve) => {
      const watcher = watch(folder, (_, name) => {
        if (name !== 'pilotlight.db-wal') return
        watcher.close()
        resolve()
      })
    })
    await store.endpoint({ kind: 'save-session', device, rotation: 9, session: bytes(200, 1) })
    await changed
    await store.listAccounts() // answered after the commit that the event told of; writes nothing itself
    const copy = newFolder(t)
    execFileSync('cp', ['-r', `${folder}/.`, copy])
    const row = (await localStore(t, copy).listDevices(account)).find((one) => one.deviceId === deviceId)
    t.match(row, { rotation: 9, session: bytes(200, 1) })
  })

  await t.test('more than a thousand rows wait, and all come back', async (t) => {
    const { account } = await store.addAccount('Many', NOW)
    const count = 8200 // more than a hundred parts
    const key = (i: number) => Uint8Array.from([i & 255, i >> 8, ...new Uint8Array(30)])
    await Promise.all(
      Array.from({ length: count }, async (_, i) => {
        const code = (await store.addEnrolmentCode(account, NOW, 1000)) ?? ''
        const result = await store.enrol(code, key(i), `phone ${i}`, NOW)
        if (typeof result === 'string') throw new Error(result)
        const { device } = result
        const session = bytes(50 + (i % 7), i)
        if (i % 3 !== 0) await store.endpoint({ kind: 'save-session', device, rotation: i % 1024, session })
      }),
    )
    const boot = await loaded(store)
    const sessions = new Map(boot.devices.map((row) => [row.device, row.session]))
    const devices = await store.listDevices(account)
    t.same([devices.length, boot.parts], [count, Math.ceil(count / SLOTS_PER_PART)])
    const wrong = devices.filter((row) => {
      const i = Number(row.name.slice(6))
      const session = i % 3 === 0 ? 'null' : String(bytes(50 + (i % 7), i))
      const rotation = i % 3 === 0 ? 0 : i % 1024
      const isSame = String(row.publicKey) === String(key(i)) && String(row.session) === session
      return row.rotation !== rotation || !isSame || String(sessions.get(row.device)) !== session
    })
    t.strictSame(wrong, [])
  })

  await t.test('close', async (t) => {
    const adding = store.addAccount('Cid', NOW)
    const backup = store.backup(join(folder, 'backup.db'))
    const closing = store.close()
    t.equal((await adding).name, 'Cid', 'what was asked before is answered')
    t.equal(store.close(), closing, 'closing twice is once')
    await t.rejects(store.listAccounts(), { name: 'PilotlightError', code: 'PL_STORE_CLOSED' })
    t.equal(await store.hub({ kind: 'drop-ring', ring: bytes(16, 1) }), null, 'write-behind has no answer')
    await closing
    t.ok((await backup).bytes > 0, 'a backup that runs is finished')
    t.notOk(existsSync(join(folder, 'pilotlight.db-wal')))
    t.notOk(existsSync(join(folder, 'lock.pid')))
  })
})
