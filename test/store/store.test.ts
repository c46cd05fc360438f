import { createHash } from 'node:crypto'
import t from 'tap'
import { deviceHandle, generationOf, slotOf } from '../../src/endpoint/device-handle.js'
import type { Store } from '../../src/store/store.js'
import { bytes, enrolled, loaded, localStore, NOW, newFolder } from './folder.js'

async function find(store: Store, seed: number) {
  const reply = await store.endpoint({ kind: 'find-device', request: 1, publicKey: bytes(32, seed) })
  if (reply?.kind !== 'found') throw new Error('no reply')
  return reply.device
}

async function papers(store: Store, device: number) {
  const reply = await store.hub({ kind: 'get-papers', request: 1, device })
  if (reply?.kind !== 'papers') throw new Error('no reply')
  return reply.papers
}

t.test('accounts', async (t) => {
  const store = localStore(t)
  const ann = await store.addAccount('Ann', NOW)
  const bob = await store.addAccount('Bob', NOW + 1)
  t.match(ann, { person: 1, account: /^acc_[0-9a-f]{16}$/, name: 'Ann', createdMs: NOW, listVersion: 0, devices: 0 })
  t.not(ann.account, bob.account)
  await enrolled(store, ann.account, 1)
  await enrolled(store, ann.account, 2)
  await enrolled(store, bob.account, 3)
  t.strictSame(await store.listAccounts(), [
    { ...ann, devices: 2 },
    { ...bob, devices: 1 },
  ])

  const removed = await store.removeAccount(ann.account)
  t.strictSame(removed, { person: 1, devices: [deviceHandle(0, 0, 0), deviceHandle(0, 1, 0)] })
  t.equal(await store.removeAccount(ann.account), null)
  t.equal(await find(store, 1), null, 'its devices are gone')
  t.strictSame(await store.listAccounts(), [{ ...bob, devices: 1 }])
  t.equal((await store.addAccount('Cid', NOW)).person, 3, 'the number is not used again')
  await store.removeAccount(bob.account)
  await store.close()
})

t.test('enrolment codes', async (t) => {
  const store = localStore(t)
  const { account, person } = await store.addAccount('Ann', NOW)
  t.equal(await store.addEnrolmentCode('acc_0', NOW, 1000), null, 'no such account')
  const code = (await store.addEnrolmentCode(account, NOW, 1000)) ?? ''
  t.match(code, /^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){2}$/)

  t.equal(await store.enrol('AAAA-AAAA-AAAA', bytes(32, 1), 'phone', NOW), 'bad-code')
  t.equal(await store.enrol('', bytes(32, 1), 'phone', NOW), 'bad-code')
  t.equal(await store.enrol(`${code}A`, bytes(32, 1), 'phone', NOW), 'bad-code')
  t.equal(await store.enrol('ÄÖÜ'.repeat(1000), bytes(32, 1), 'phone', NOW), 'bad-code')
  const typed = ` ${code.toLowerCase().replaceAll('-', ' ').replaceAll('0', 'o').replaceAll('1', 'l')} `
  const enrolment = await store.enrol(typed, bytes(32, 1), 'phone', NOW + 999)
  t.match(enrolment, { deviceId: /^dev_[0-9a-f]{16}$/, device: 0, person, rotation: 0 }, 'as people type it')
  t.equal((enrolment as { psk: Uint8Array }).psk.length, 32)
  t.equal(await store.enrol(code, bytes(32, 2), 'phone', NOW), 'bad-code', 'works once')

  const late = (await store.addEnrolmentCode(account, NOW, 1000)) ?? ''
  t.equal(await store.enrol(late, bytes(32, 2), 'phone', NOW + 1000), 'bad-code', 'too late')
  t.equal(await store.enrol(late, bytes(32, 2), 'phone', NOW), 'bad-code', 'and deleted')

  const kept = (await store.addEnrolmentCode(account, NOW, 1000)) ?? ''
  t.equal(await store.enrol(kept, bytes(32, 1), 'phone', NOW), 'key-taken')
  t.type(await store.enrol(kept, bytes(32, 2), 'phone', NOW), 'object', 'a refused key does not use the code up')

  const gone = (await store.addEnrolmentCode(account, NOW, 1000)) ?? ''
  await store.removeAccount(account)
  t.equal(await store.enrol(gone, bytes(32, 3), 'phone', NOW), 'bad-code', 'the account is gone')
})

t.test('slots are used again, generation and rotation go on', async (t) => {
  const store = localStore(t)
  const { account } = await store.addAccount('Ann', NOW)
  const enrolments = []
  for (const seed of [1, 2, 3]) enrolments.push(await enrolled(store, account, seed))
  t.strictSame(
    enrolments.map(({ device }) => slotOf(device)),
    [0, 1, 2],
  )

  const [first, second] = enrolments
  if (!first || !second) throw new Error('unreachable')
  await store.endpoint({ kind: 'save-session', device: second.device, rotation: 1022, session: bytes(10, 1) })
  const removed = await store.removeDevice(second.deviceId)
  t.match(removed, { deviceId: second.deviceId, device: second.device, account, name: 'phone 2', rotation: 1022 })
  t.equal(await store.removeDevice(second.deviceId), null)
  t.equal(await find(store, 2), null)
  await store.removeDevice(first.deviceId)

  const again = await enrolled(store, account, 2)
  t.strictSame([slotOf(again.device), generationOf(again.device), again.rotation], [0, 1, 4], 'the lowest free slot')
  const next = await enrolled(store, account, 4)
  t.strictSame(
    [slotOf(next.device), generationOf(next.device), next.rotation],
    [1, 1, 2],
    'past every ID of the last owner',
  )
  t.equal(slotOf((await enrolled(store, account, 5)).device), 3)

  // what the endpoint still says about the last owner counts for nothing
  await store.endpoint({ kind: 'save-session', device: second.device, rotation: 77, session: bytes(10, 9) })
  await store.endpoint({ kind: 'erase-session', device: second.device, rotation: 78 })
  const session = bytes(10, 9)
  const late = { kind: 'commit-session', request: 5, device: second.device, stampMs: 5, rotation: 79, session } as const
  t.strictSame(await store.endpoint(late), { kind: 'committed', request: 5, ok: false })
  const row = (await store.listDevices(account)).find(({ device }) => device === next.device)
  t.match(row, { rotation: 2, session: null })
})

t.test('devices and sessions', async (t) => {
  const folder = newFolder(t)
  let store = localStore(t, folder)
  const { account, person } = await store.addAccount('Ann', NOW)
  const { device, deviceId, psk } = await enrolled(store, account, 1)
  await enrolled(store, account, 2)
  t.strictSame(await find(store, 1), { device, psk, stampMs: 0, rotation: 0 })
  t.equal(await find(store, 9), null)

  const commit = {
    kind: 'commit-session',
    request: 7,
    device,
    stampMs: NOW,
    rotation: 2,
    session: bytes(300, 1),
  } as const
  t.strictSame(await store.endpoint(commit), { kind: 'committed', request: 7, ok: true })
  t.strictSame(await find(store, 1), { device, psk, stampMs: NOW, rotation: 2 })
  await store.endpoint({ ...commit, stampMs: NOW - 5, rotation: 3 })
  t.match(await find(store, 1), { stampMs: NOW, rotation: 3 }, 'the stamp never goes back')
  t.equal(await store.endpoint({ kind: 'save-session', device, rotation: 4, session: bytes(300, 2) }), null)
  t.match(await find(store, 1), { stampMs: NOW, rotation: 4 }, 'a row that waits is seen')
  await store.close()

  store = localStore(t, folder)
  const boot = await loaded(store)
  const expected = { device, deviceId, person, account, name: 'phone 1', publicKey: bytes(32, 1), createdMs: NOW }
  t.strictSame((await store.listDevices(null))[0], { ...expected, rotation: 4, session: bytes(300, 2) })
  t.strictSame(boot.devices[0], { device, person, rotation: 4, session: bytes(300, 2) })
  t.equal(boot.devices[1]?.session, null)
  t.equal(boot.unreadable, 0)
  t.strictSame(
    (await store.listDevices(account)).map((row) => row.deviceId).sort(),
    (await store.listDevices(null)).map((row) => row.deviceId).sort(),
  )
  t.strictSame(await store.listDevices('acc_0'), [])
  t.equal((await store.listDevices(null)).length, 2)
  t.strictSame(await papers(store, device), { publicKey: bytes(32, 1), name: 'phone 1' })
  t.equal(await papers(store, device + 1), null, 'of another generation')
  t.equal(await papers(store, deviceHandle(1, 0, 0)), null, 'of another worker')

  await store.endpoint({ kind: 'erase-session', device, rotation: 5 })
  t.match((await store.listDevices(account))[0], { session: null, rotation: 5 })
})

t.test('applications and their keys', async (t) => {
  const store = localStore(t)
  const { app, apiKey } = await store.addApp('Chat', NOW)
  t.match(app, { app: 1, name: 'Chat', createdMs: NOW })
  t.equal(app.appId.length, 8)
  t.match(apiKey, /^pl_live_[A-Za-z0-9_-]{43}$/)
  const hashes = (row: { keys: { hash: Uint8Array }[] }) => row.keys.map((key) => key.hash)
  const hash = (key: string) => new Uint8Array(createHash('sha256').update(key).digest())
  t.strictSame(hashes(app), [hash(apiKey)])

  const appId = `app_${Buffer.from(app.appId).toString('hex')}`
  const second = await store.rotateApp(appId)
  t.strictSame(second && hashes(second.app), [hash(second?.apiKey ?? ''), hash(apiKey)], 'two live at once')
  const third = await store.rotateApp(appId)
  t.strictSame(third && hashes(third.app), [hash(third?.apiKey ?? ''), hash(second?.apiKey ?? '')])
  t.equal(await store.rotateApp('app_0000000000000000'), null)
  t.equal(await store.rotateApp("app_' OR 1 --"), null)

  const other = await store.addApp('Shop', NOW)
  t.strictSame(await store.listApps(), [third?.app, other.app])
  t.strictSame(await store.removeApp(appId), third?.app)
  t.equal(await store.removeApp(appId), null)
  t.strictSame((await store.boot(NOW)).apps, [other.app])
  t.equal((await store.addApp('New', NOW)).app.app, 3, 'the number is not used again')
})

t.test('lists: the version only goes up', async (t) => {
  const store = localStore(t)
  const { person } = await store.addAccount('Ann', NOW)
  const put = async (base: number, version: number, seed: number) => {
    const reply = await store.hub({
      kind: 'put-list',
      request: 3,
      person,
      base,
      version,
      sealed: bytes(1024, seed),
      clockSeconds: 0,
    })
    if (reply?.kind !== 'stored') throw new Error('no reply')
    return [reply.ok, reply.version]
  }
  const get = () => store.hub({ kind: 'get-list', request: 4, person })
  t.strictSame(await get(), { kind: 'list', request: 4, version: 0, sealed: null })
  t.strictSame(await put(0, 1, 1), [true, 1])
  t.strictSame(await put(0, 1, 2), [false, 1], 'another device was faster')
  t.strictSame(await put(0, 1, 1), [true, 1], 'the same again: the answer was lost')
  t.strictSame(await put(1, 2, 2), [true, 2])
  t.strictSame(await put(1, 2, 3), [false, 2])
  t.strictSame(await put(0, 1, 1), [false, 2], 'a device that slept')
  t.strictSame(await put(2, 2, 3), [false, 2])
  t.strictSame(await put(1, 9, 3), [false, 2], 'a change of an older list, whatever its number')
  t.strictSame(await put(2, 9, 4), [true, 9], 'the server has an old backup')
  t.strictSame(await get(), { kind: 'list', request: 4, version: 9, sealed: bytes(1024, 4) })
  t.equal((await store.listAccounts())[0]?.listVersion, 9)
  const nobody = {
    kind: 'put-list',
    request: 3,
    person: 99,
    base: 0,
    version: 1,
    sealed: bytes(1, 1),
    clockSeconds: 0,
  } as const
  t.strictSame(await store.hub(nobody), { kind: 'stored', request: 3, ok: false, version: 0 })
  t.strictSame(await store.hub({ kind: 'get-list', request: 4, person: 99 }), {
    kind: 'list',
    request: 4,
    version: 0,
    sealed: null,
  })
})

t.test('rings in flight', async (t) => {
  const folder = newFolder(t)
  let store = localStore(t, folder)
  await store.boot(NOW)
  const put = (seed: number, row: Uint8Array) =>
    store.hub({ kind: 'put-ring', request: seed, ring: bytes(16, seed), untilMs: NOW + 86_460_000, row })
  t.strictSame(await put(1, bytes(500, 1)), { kind: 'stored', request: 1, ok: true, version: 0 })
  await put(2, bytes(500, 2))
  await put(3, bytes(500, 3))
  await put(1, bytes(700, 4))
  t.equal(await store.hub({ kind: 'drop-ring', ring: bytes(16, 2) }), null)
  await store.close()

  store = localStore(t, folder)
  let { rings } = await store.boot(NOW + 86_400_000)
  t.strictSame(rings, [
    { ring: bytes(16, 1), row: bytes(700, 4) },
    { ring: bytes(16, 3), row: bytes(500, 3) },
  ])
  await store.hub({ kind: 'drop-ring', ring: bytes(16, 1) })
  await put(1, bytes(10, 5))
  ;({ rings } = await store.boot(NOW + 86_400_000))
  t.equal(rings.length, 2, 'put after drop')
  ;({ rings } = await store.boot(NOW + 86_400_000 + 60_001))
  t.strictSame(rings, [], 'past the time that came with them')
})

t.test('boot seconds always grow', async (t) => {
  const folder = newFolder(t)
  const boots = []
  for (const wallMs of [NOW, NOW, NOW - 1_000_000, NOW + 10_000]) {
    const store = localStore(t, folder)
    boots.push((await store.boot(wallMs)).bootSeconds)
    await store.close()
  }
  const s = NOW / 1000
  t.strictSame(boots, [s, s + 1, s + 2, s + 10])
  const store = localStore(t, folder)
  for (const clockSeconds of [s + 600, s + 60]) {
    const grant = bytes(16, clockSeconds)
    await store.hub({ kind: 'put-grant', request: 1, grant, untilMs: NOW + 1000, row: bytes(9, 1), clockSeconds })
  }
  store.close()
  const { bootSeconds, clockSeconds } = await localStore(t, folder).boot(NOW)
  t.same(
    { bootSeconds, clockSeconds },
    { bootSeconds: s + 11, clockSeconds: s + 600 },
    'how far the clock has come is apart',
  )
})

t.test('server keys stay, and rotate', async (t) => {
  const folder = newFolder(t)
  let store = localStore(t, folder)
  const { keys } = await store.boot(NOW)
  t.equal(keys.version, 1)
  t.equal(keys.staticSecrets.length, 1)
  const all = [...keys.staticSecrets, keys.cidKey, keys.resetKey, keys.puidKey]
  t.ok(all.every((key) => key.length === 32))
  t.equal(new Set(all.map(String)).size, 4)
  await store.close()

  store = localStore(t, folder)
  t.strictSame((await store.boot(NOW)).keys, keys)
  const rotated = await store.rotateKeys(NOW)
  t.match(rotated, { version: 2, cidKey: keys.cidKey, resetKey: keys.resetKey, puidKey: keys.puidKey })
  t.strictSame(rotated.staticSecrets.slice(1), keys.staticSecrets, 'the old one is accepted')
  await store.close()

  store = localStore(t, folder)
  t.strictSame((await store.boot(NOW + 59 * 86_400_000)).keys, rotated)
  t.strictSame((await store.boot(NOW + 60 * 86_400_000)).keys, {
    ...rotated,
    staticSecrets: rotated.staticSecrets.slice(0, 1),
  })
  const third = await store.rotateKeys(NOW + 60 * 86_400_000)
  const fourth = await store.rotateKeys(NOW + 60 * 86_400_000)
  t.strictSame(fourth.staticSecrets[1], third.staticSecrets[0])
  t.equal(fourth.staticSecrets.length, 2)
  t.equal(fourth.version, 4)
})
