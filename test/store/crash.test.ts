/** Power and space that go away: `kill -9` in the middle of commits, and a disk that is full. */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import Database from 'better-sqlite3'
import t, { type Test } from 'tap'
import { openStore } from '../../src/store/open.js'
import { bytes, child, FAR_MS, loaded, localStore, NOW, newFolder } from './folder.js'

/** Lets the writer confirm `count` things, kills it, and gives all that it ever said. */
async function killedAfter(t: Test, folder: string, round: number, count: number): Promise<string[]> {
  const writer = child('./crash-writer.js', folder, String(round))
  const exited = once(writer, 'exit')
  t.teardown(() => writer.kill('SIGKILL'))
  if (writer.stdout === null) throw new Error('no pipe')
  const said: string[] = []
  for await (const line of createInterface({ input: writer.stdout })) {
    said.push(line)
    if (line.startsWith('lock')) {
      t.throws(() => localStore(t, folder), { code: 'PL_STORE_BUSY', message: `process ${writer.pid}` })
    }
    if (said.length === count) writer.kill('SIGKILL')
  }
  t.strictSame(await exited, [null, 'SIGKILL'])
  return said
}

t.test('kill -9: everything confirmed is there', async (t) => {
  const folder = newFolder(t)
  const said: string[] = []
  for (const [round, count] of [20, 1000].entries()) {
    said.push(...(await killedAfter(t, folder, round, count)))
    const database = new Database(join(folder, 'pilotlight.db'))
    t.equal(database.pragma('integrity_check', { simple: true }), 'ok')
    t.strictSame(database.pragma('foreign_key_check'), [])
    database.close()

    const store = localStore(t, folder)
    const boot = await loaded(store)
    t.equal(boot.unreadable, 0)
    const accounts = new Map((await store.listAccounts()).map((row) => [row.account, row]))
    const devices = new Map((await store.listDevices(null)).map((row) => [row.deviceId, row]))
    const rings = new Set(boot.rings.map(({ ring }) => Buffer.from(ring).toString('hex')))
    const lost = said.filter((line) => {
      const [kind, id = '', n] = line.split(' ')
      if (kind === 'account') return !accounts.has(id)
      if (kind === 'list') return accounts.get(id)?.listVersion !== 7
      if (kind === 'ring') return !rings.has(id)
      if (kind !== 'session') return false
      const session = devices.get(id)?.session
      return !session || (session.length === 240 && (new Float64Array(session.slice().buffer)[0] ?? 0) < Number(n))
    })
    t.strictSame(lost, [], `round ${round}: ${said.length} confirmed`)
    await store.close()
  }
  t.ok(said.some((line) => line.startsWith('session')) && said.some((line) => line.startsWith('ring')))
})

/** A small disk of its own, or null where this user may not mount one. */
function smallDisk(t: Test): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'pilotlight-disk-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'pilotlight-test', folder], { stdio: 'ignore' })
  } catch {
    return null
  }
  t.teardown(() => execFileSync('umount', ['-l', folder]))
  return folder
}

t.test('a full disk: nothing is confirmed that is not there, and the store goes on', async (t) => {
  const disk = smallDisk(t)
  if (disk === null)
    return void t.pass('skipped', { skip: 'mounting a small tmpfs needs root; see also commit.test.ts' })
  const ballast = join(disk, 'ballast')
  writeFileSync(ballast, Buffer.alloc(300_000))
  const folder = join(disk, 'var')
  const store = await openStore({ folder, crypto: 'noble' })
  t.teardown(() => store.close().catch(() => {}))
  await store.boot(NOW)
  const { account, person } = await store.addAccount('Ann', NOW)
  let version = 0
  const put = async () => {
    const sealed = bytes(8192, version + 1)
    const request = { kind: 'put-list', request: 1, person, base: version, version: version + 1, sealed } as const
    const reply = await store.hub({ ...request, clockSeconds: 0 })
    if (reply?.kind !== 'stored') throw new Error('no reply')
    if (reply.ok) version++
    t.equal(reply.version, version)
    return reply.ok
  }
  let tries = 0
  while (await put()) if (++tries > 200) throw new Error('the disk does not get full')
  const ring = { kind: 'put-ring', request: 2, ring: bytes(16, 1), untilMs: FAR_MS, row: bytes(20_000, 1) } as const
  t.strictSame(await store.hub(ring), { kind: 'stored', request: 2, ok: false, version: 0 })
  await t.rejects(store.addAccount('B'.repeat(20_000), NOW), { code: 'PL_STORE_FULL' })
  await t.rejects(store.backup(join(disk, 'backup.db')), { code: 'PL_STORE_FULL' })
  t.match(await store.listAccounts(), [{ account, listVersion: version }], 'reading goes on')
  t.match(await store.hub({ kind: 'get-list', request: 1, person }), { version, sealed: bytes(8192, version) })

  rmSync(ballast)
  t.equal(await put(), true, 'there is space again')
  t.match(await store.hub(ring), { ok: true })
  await store.close()
  const again = localStore(t, folder)
  const boot = await again.boot(NOW)
  t.match(boot, { unreadable: 0, rings: [{ ring: bytes(16, 1) }] })
  t.match(await again.listAccounts(), [{ account, listVersion: version }])
  await again.close()
  const database = new Database(join(folder, 'pilotlight.db'))
  t.equal(database.pragma('integrity_check', { simple: true }), 'ok')
  database.close()
})

t.test('a disk that is full from the start', async (t) => {
  const disk = smallDisk(t)
  if (disk === null) return void t.pass('skipped', { skip: 'mounting a small tmpfs needs root' })
  writeFileSync(join(disk, 'ballast'), Buffer.alloc(1_030_000))
  t.throws(() => localStore(t, join(disk, 'var')), { code: 'PL_STORE_FULL' })
  rmSync(join(disk, 'ballast'))
  t.doesNotThrow(() => localStore(t, join(disk, 'var')), 'and works once there is space')
})
