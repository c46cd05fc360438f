/** A server that serves while it loads: a generated store, the real store thread, real sockets. */
import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Fleet, Stage } from '../../bench/ours/fleet.js'
import { type StoreFacts, writeStore } from '../../bench/ours/store-writer.js'
import { SeededRandom } from '../../src/base/seeded-random.js'
import { partsBelow, SLOTS_PER_PART } from '../../src/endpoint/device-handle.js'
import { loadCore } from '../../src/io/core.js'
import { DeviceLoader } from '../../src/io/device-loader.js'
import { Driver } from '../../src/io/driver.js'
import { systemNow } from '../../src/io/system-clock.js'
import type { UdpSockets } from '../../src/io/udp-socket.js'
import { nativeCrypto } from '../../src/native/crypto-native.js'
import { openStore } from '../../src/store/open.js'
import { sessionIn } from '../../src/store/parts.js'
import { ServerProcess } from '../e2e/process.js'

/** Seven parts, of which four are read at a time; the last device is in the last one. */
const DEVICES = 6 * SLOTS_PER_PART + 17
const LAST = DEVICES - 1
const crypto = await nativeCrypto()

function folderOf(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'pilotlight-loading-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Devices of a store on one socket. */
async function fleetAt(t: Test, facts: StoreFacts) {
  const fleet = new Fleet(crypto, new SeededRandom('fleet'), facts, Math.floor(Date.now() / 1000))
  const socket = createSocket('udp4')
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  t.teardown(() => socket.close())
  const settling = new Map<number, () => void>()
  let port = 0
  const resets: number[] = []
  socket.on('message', (bytes) => {
    if (bytes.length === 13) resets.push(bytes.length)
    for (const [device, settled] of settling) {
      const taken = fleet.take(device, bytes)
      if (taken === null) continue
      if (taken.reply !== null) socket.send(taken.reply, port, '127.0.0.1')
      if (fleet.stage(device) !== Stage.ready) continue
      settling.delete(device)
      settled()
    }
  })
  return {
    fleet,
    resets,
    /** Where the server is from now on. */
    setPort(at: number) {
      port = at
    },
    /** Pings, or repeats it; settles when the server has answered, proved the path and told its side. */
    settle: (device: number, isRetry = false) =>
      new Promise<void>((resolve) => {
        settling.set(device, resolve)
        socket.send(fleet.ping(device, true, isRetry), port, '127.0.0.1')
      }),
  }
}

/** A server without HTTP, whose store answers for a part of the devices when the test says so. */
async function serverAt(t: Test, folder: string) {
  const store = await openStore({ folder })
  const boot = await store.boot(Date.now())
  const core = await loadCore({ boot, store, crypto, silenceMaxS: 1800, now: systemNow(), observer: null })
  const { endpoints } = core
  const reads: number[] = []
  const gates = new Map<number, () => void>()
  let onRead = () => {}
  let isOpen = false
  let udp: UdpSockets | null = null
  const driver: Driver = new Driver({
    endpoint: endpoints.doors,
    hub: core.hub,
    store,
    now: systemNow,
    send: (bytes, remote) => udp?.send(bytes, remote),
    close: () => {},
    handOver: () => {},
    reply: () => {},
    want: (part) => loader.want(part),
    onStoreError: (kind, error) => t.fail(`${kind}: ${error}`),
  })
  const loader = new DeviceLoader({
    core,
    store: {
      devices: async (part) => {
        reads.push(part)
        const gate = new Promise<void>((resolve) => gates.set(part, resolve))
        onRead()
        if (!isOpen) await gate
        return await store.devices(part)
      },
    },
    input: (load) => driver.load(load),
    onError: (error) => t.fail(String(error)),
  })
  udp = await endpoints.openUdp({
    hosts: ['127.0.0.1'],
    port: 0,
    bufferBytes: { receive: 2 ** 20, send: 2 ** 20 },
    onDatagram: (bytes, remote) => driver.datagram(bytes, remote),
  })
  const all = loader.run()
  const openAll = () => {
    isOpen = true
    for (const open of gates.values()) open()
  }
  let isStopped = false
  /** As the server's own, in this order. */
  const stop = async () => {
    if (isStopped) return
    isStopped = true
    udp?.pause()
    const stopped = loader.stop()
    openAll()
    await stopped
    await driver.stop()
    await udp?.close()
    await store.close()
  }
  t.teardown(stop)
  const numbers = async () => (await endpoints.numbers())[0]!.endpoint
  /** Lets a part be read; settles when the next one is asked for. */
  const read = async (part: number) => {
    const next = new Promise<void>((resolve) => (onRead = resolve))
    gates.get(part)?.()
    await next
  }
  return { store, hub: core.hub, loader, reads, port: udp.port, all, openAll, stop, numbers, read }
}

/** Saved sessions of the devices from a part on, by slot. */
async function sessionsOf(folder: string, from = 0): Promise<Map<number, string>> {
  const store = await openStore({ folder })
  const { slots } = await store.boot(Date.now())
  const sessions = new Map<number, string>()
  for (const number of partsBelow(0, slots).slice(from)) {
    const part = await store.devices(number)
    for (let at = 0; at < part.count; at++) {
      const session = sessionIn(part, at)
      if (session !== null) sessions.set(part.slots[at] as number, Buffer.from(session).toString('hex'))
    }
  }
  await store.close()
  return sessions
}

/** A server that reads nothing unless it is told, and the last device's ping, which waits at its endpoint. */
async function lastWaiting(t: Test, seed: string) {
  const folder = folderOf(t)
  const facts = writeStore(crypto, { seed, devices: DEVICES, apps: 2, folder })
  const server = await serverAt(t, folder)
  const devices = await fleetAt(t, facts)
  devices.setPort(server.port)
  const last = devices.settle(LAST)
  while ((await server.numbers()).loadsWaiting === 0) await new Promise(setImmediate)
  return { folder, server, ...devices, last }
}

t.test('the last device pings first: its part is loaded next, and it is served by its session', async (t) => {
  const { server, fleet, resets, settle, last } = await lastWaiting(t, '1')
  t.same(server.reads, [0, 1, 2, 3])
  await server.read(0)
  t.same(server.reads, [0, 1, 2, 3, 6], 'before those in between')
  await server.read(6)
  await last
  t.equal(fleet.stage(LAST), Stage.ready)
  const expected = {
    handshakes: 0,
    resetsSent: 0,
    sessions: SLOTS_PER_PART + 17,
    sessionsConfirmed: 1,
    loadsWaiting: 0,
  }
  t.match(await server.numbers(), expected)
  t.match(server.hub.metrics(), { devices: SLOTS_PER_PART + 17, devicesInContact: 1, devicePartsToLoad: 5 })
  await settle(5)
  const between = [1, 2, 3, 4, 5].map((part) => settle(part * SLOTS_PER_PART))
  while ((await server.numbers()).loadsWaiting < 5) await new Promise(setImmediate)
  server.openAll()
  await Promise.all(between)
  await server.all
  t.match(server.loader, { left: 0, sessions: { loaded: DEVICES, unreadable: 0 } })
  t.match(await server.numbers(), { handshakes: 0, resetsSent: 0, sessions: DEVICES, sessionsConfirmed: 7 })
  t.same(resets, [])
  t.equal(fleet.counts.resyncs, 7)
})

t.test('killed while it loads: the next start has every session, and the newest of those that spoke', async (t) => {
  const { folder, server, fleet, resets, setPort, settle, last } = await lastWaiting(t, '2')
  await server.read(0)
  await server.read(6)
  await last
  await server.store.listDevices('nobody') // writes what waits
  const killed = folderOf(t)
  execFileSync('cp', ['-r', `${folder}/.`, killed])
  await server.stop()
  const next = await serverAt(t, killed)
  setPort(next.port)
  fleet.unsettle()
  next.openAll()
  for (const device of [LAST, 0, SLOTS_PER_PART + 1]) await settle(device)
  await next.all
  t.match(next.loader.sessions, { loaded: DEVICES, unreadable: 0 })
  t.match(await next.numbers(), { handshakes: 0, resetsSent: 0, sessions: DEVICES, sessionsConfirmed: 3 })
  t.same(resets, [])
})

t.test('a planned stop while it loads changes no session that was not loaded', async (t) => {
  const folder = folderOf(t)
  const facts = writeStore(crypto, { seed: '3', devices: DEVICES, apps: 2, folder })
  const before = await sessionsOf(folder)
  t.equal(before.size, DEVICES)
  const server = await serverAt(t, folder)
  const { setPort, settle } = await fleetAt(t, facts)
  setPort(server.port)
  await server.read(0)
  await settle(3)
  t.match(server.loader, { left: 6 })
  await server.stop()
  t.match(server.loader, { left: 6 }, 'nothing was loaded for the sake of the stop')
  const after = await sessionsOf(folder)
  const changed = [...before].filter(([slot, session]) => after.get(slot) !== session).map(([slot]) => slot)
  t.same(changed, [3])
  t.equal(after.size, DEVICES)
})

for (const workers of [1, 2]) {
  t.test(`\`serve --workers ${workers}\`, killed and stopped while it may still load`, async (t) => {
    const folder = folderOf(t)
    const facts = writeStore(crypto, { seed: '4', devices: 2 * DEVICES, apps: 2, folder })
    const server = new ServerProcess(folder, {}, ['--workers', `${workers}`])
    t.teardown(() => server.end('SIGKILL'))
    const { fleet, resets, setPort, settle } = await fleetAt(t, facts)
    const devices = [2 * DEVICES - 1, 2 * DEVICES - 2, 0, DEVICES, DEVICES + 1]
    for (const [round, signal] of (['SIGKILL', 'SIGTERM', 'SIGKILL'] as const).entries()) {
      await server.start()
      setPort(server.udpPort)
      // What the server was told last may be lost with it: a ping that is repeated says it again.
      await Promise.all(devices.map((device) => settle(device, round > 0)))
      fleet.unsettle()
      t.equal(await server.end(signal), signal === 'SIGTERM' ? 0 : null)
      // At once after the line that says it is ready.
      await server.start()
      t.equal(await server.end(signal), signal === 'SIGTERM' ? 0 : null)
    }
    t.same(resets, [])
    t.equal((await sessionsOf(folder)).size, 2 * DEVICES)
    await server.start()
    let metrics = await server.metrics()
    while (!/^pilotlight_hub_device_parts_to_load 0$/m.test(metrics)) metrics = await server.metrics()
    const sums = (name: string) =>
      [...metrics.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\d+)$`, 'gm'))].reduce(
        (sum, [, n]) => sum + Number(n),
        0,
      )
    t.equal(sums('pilotlight_sessions'), 2 * DEVICES)
    t.equal(sums('pilotlight_handshakes_total'), 0)
    t.equal(sums('pilotlight_resets_sent_total'), 0)
  })
}
