/** The generator of stores, and the devices that go with it, in one process: the server's own core on a generated store. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Fleet, Stage } from '../../bench/ours/fleet.js'
import { accountOf, accountsFor, firstDeviceOf, Identities } from '../../bench/ours/identity.js'
import { type StoreFacts, writeStore } from '../../bench/ours/store-writer.js'
import { settledMemory } from '../../bench/scenarios/memory/settled.js'
import { addressFrom } from '../../src/base/address.js'
import { SeededRandom } from '../../src/base/seeded-random.js'
import { SLOTS_PER_PART } from '../../src/endpoint/device-handle.js'
import type { EndpointMetrics } from '../../src/endpoint/metrics.js'
import { type Core, loadCore } from '../../src/io/core.js'
import { DeviceLoader } from '../../src/io/device-loader.js'
import { Driver } from '../../src/io/driver.js'
import { nativeCrypto } from '../../src/native/crypto-native.js'
import { openEngine } from '../../src/store/engine.js'
import { defaultKeyFile } from '../../src/store/folder-layout.js'
import type { DeviceRow } from '../../src/store/store.js'

const DEVICES = 1_000
const WALL_MS = Date.UTC(2026, 5, 1)
const crypto = await nativeCrypto()

/** A store that is gone with the test, and what a server's start makes of it. */
function stored(t: Test, plan: { devices: number; live?: number; apps?: number; seed?: string }) {
  const folder = mkdtempSync(join(tmpdir(), 'pilotlight-generated-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const facts = writeStore(crypto, { seed: '1', ...plan, folder, wallMs: WALL_MS })
  const engine = openEngine({ folder, keyFile: defaultKeyFile(folder), crypto })
  t.teardown(() => engine.close())
  const store = {
    persons: async (from: number) => engine.persons(from),
    devices: async (part: number) => engine.devices(part),
  }
  return { facts, engine, store, boot: engine.boot(WALL_MS + 60_000) }
}

/** Devices and core, joined by function calls; the clock stands until it is moved. */
function joined(facts: StoreFacts, core: Core, lossOf: (nth: number) => boolean = () => false) {
  const fleet = new Fleet(crypto, new SeededRandom('fleet'), facts, Math.floor(WALL_MS / 1000))
  const sizes = { pings: new Set<number>(), answers: new Set<number>() }
  const clock = { ms: 60_000 }
  let current = 0
  let nth = 0
  const replies: Uint8Array[] = []
  const driver = new Driver({
    ...core,
    endpoint: core.endpoints.doors,
    store: { endpoint: async () => null, hub: async () => null },
    now: () => ({ monotonicMs: clock.ms, wallMs: WALL_MS + clock.ms }),
    clockMs: () => 0, // a turn is never too short
    send: (bytes) => {
      if (lossOf(nth++)) return
      const taken = fleet.take(current, bytes)
      if (taken === null) throw new Error(`device ${current} cannot open what was sent to it`)
      if (taken.isAnswer) sizes.answers.add(bytes.length)
      if (taken.reply !== null) replies.push(taken.reply)
    },
    close: () => {},
    handOver: () => {},
    reply: () => {},
    want: () => {},
    onStoreError: (kind, error) => {
      throw new Error(`${kind}: ${error}`)
    },
  })
  const ping = (device: number, again = false) => {
    current = device
    const datagram = fleet.ping(device, true, again)
    sizes.pings.add(datagram.length)
    replies.push(datagram)
    const remote = addressFrom('::1', 1000 + device)
    for (let next = replies.shift(); next !== undefined; next = replies.shift()) {
      driver.datagram(next, remote)
      driver.start() // as at the end of a turn
    }
  }
  return { fleet, driver, ping, sizes, clock }
}

async function metricsOf({ endpoints }: Core): Promise<EndpointMetrics> {
  const [only] = await endpoints.numbers()
  return only!.endpoint
}

t.test('1,000 devices have 834 accounts, every fifth account has two', async (t) => {
  t.equal(accountsFor(DEVICES), 834)
  const perAccount = new Map<number, number>()
  for (let device = 0; device < 600; device++) {
    const account = accountOf(device)
    perAccount.set(account, (perAccount.get(account) ?? 0) + 1)
    if ((firstDeviceOf(account) === device) !== (perAccount.get(account) === 1)) t.fail(`device ${device}`)
  }
  t.equal(perAccount.size, 500)
  t.equal([...perAccount.values()].filter((count) => count === 2).length, 100)
})

t.test('a server starts on a generated store: its devices ping, and are in contact without a handshake', async (t) => {
  const { facts, boot, store } = stored(t, { devices: DEVICES, apps: 10 })
  t.match(facts, { devices: DEVICES, live: DEVICES, accounts: 834 })
  t.equal((await store.devices(0)).count, SLOTS_PER_PART)
  t.equal((await store.persons(0)).count, 834)
  t.equal(boot.unreadable, 0)
  const core = await loadCore({
    boot,
    store,
    crypto,
    silenceMaxS: 1800,
    now: { monotonicMs: 0, wallMs: WALL_MS },
    observer: null,
  })
  // Its first answer is lost: the device repeats, and gets there.
  const { fleet, driver, ping, sizes, clock } = joined(facts, core, (nth) => nth === 0)
  const onError = (error: unknown) => t.fail(String(error))
  const loader = new DeviceLoader({ core, store, input: (load) => driver.load(load), onError })
  await loader.run()
  t.match(loader, { left: 0, sessions: { loaded: DEVICES, unreadable: 0 } })
  ping(0)
  t.equal(fleet.stage(0), Stage.open)
  clock.ms += 2_000
  ping(0, true)
  t.equal(fleet.stage(0), Stage.ready)
  t.equal(fleet.take(1, new Uint8Array(40).fill(0x91)), null, 'what nobody sealed is for nobody')
  for (let device = 1; device < DEVICES; device++) ping(device)
  for (let device = 0; device < DEVICES; device++) if (fleet.stage(device) !== Stage.ready) t.fail(`device ${device}`)
  t.match(fleet.counts, { resyncs: DEVICES, listsApplied: 834, challenges: DEVICES, strange: 0 })
  t.match(await metricsOf(core), { sessions: DEVICES, sessionsConfirmed: DEVICES, handshakes: 0, resetsSent: 0 })

  sizes.pings.clear()
  sizes.answers.clear()
  const before = (await metricsOf(core)).packetsIn.channel
  for (let round = 0; round < 2; round++) for (let device = 0; device < 100; device++) ping(device)
  t.equal((await metricsOf(core)).packetsIn.channel - before, 200, 'one packet a ping')
  t.strictSame([...sizes.pings], [24])
  t.strictSame([...sizes.answers], [19])
  await driver.stop()
})

t.test('devices beyond the live ones have no session and a real public key', async (t) => {
  const { facts, engine } = stored(t, { devices: 20, live: 12 })
  const devices = engine.run([{ method: 'listDevices', args: [null] }])[0] as unknown as { value: DeviceRow[] }
  t.equal(facts.live, 12)
  t.equal(devices.value.filter(({ session }) => session !== null).length, 12)
  const identities = new Identities(crypto, '1')
  for (let device = 12; device < 20; device++) {
    t.strictSame(devices.value[device]?.publicKey, crypto.publicKey(identities.of(device).secretKey))
  }
  t.notSame(identities.of(3), new Identities(crypto, '2').of(3), 'another seed, other devices')
  engine.close()
  t.throws(() => writeStore(crypto, { folder: facts.folder, seed: '1', devices: 1 }), /accounts already/)
})

t.test('memory is read when five readings agree, or the last of sixty', async (t) => {
  const falling = [900, 500, 400, 300, 300, 300, 300, 300, 250]
  let nth = 0
  const settled = await settledMemory(
    async () => {},
    () => falling[nth++] ?? 0,
  )
  t.strictSame(settled, { bytes: 300, readings: 8, isSettled: true })
  let rising = 1000
  const moving = await settledMemory(
    async () => {},
    () => (rising *= 1.1),
  )
  t.match(moving, { readings: 60, isSettled: false })
})
