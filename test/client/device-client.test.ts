/** The promise API, over a fake transport to the real endpoint, in virtual time. */
import t from 'tap'
import { hex } from '../../src/base/bytes.js'
import { SeededRandom } from '../../src/base/seeded-random.js'
import type { Now } from '../../src/base/time.js'
import type { Host } from '../../src/client/host.js'
import {
  type ConnectOptions,
  connect,
  type Device,
  type DeviceError,
  MemoryStorage,
  type PathKind,
  type Ring,
  type Storage,
  type Transport,
  type TransportListener,
} from '../../src/client/index.js'
import { entryOf } from '../../src/client/list-edit.js'
import { testCrypto } from '../support/crypto.js'
import { APP } from './rig.js'
import { freshAddress, type Party, Phone, World } from './world.js'

const crypto = await testCrypto()

/** A host and a transport in one: timers and address of a computer in the world. */
class Computer implements Party, Host, Transport {
  readonly world: World
  readonly random: SeededRandom
  kind: PathKind = 'udp'
  address: Uint8Array = freshAddress()
  listener: TransportListener | null = null
  rebinds = 0
  isClosed = false
  readonly #timers = new Map<number, { atMs: number; run: () => void }>()
  #count = 0

  constructor(world: World, seed = 'computer') {
    this.world = world
    this.random = new SeededRandom(seed)
    world.parties.push(this)
  }

  now(): Now {
    return { ...this.world.now }
  }

  setTimer(ms: number, run: () => void): () => void {
    const id = ++this.#count
    this.#timers.set(id, { atMs: this.world.now.monotonicMs + ms, run })
    return () => this.#timers.delete(id)
  }

  nextMs(): number {
    return Math.min(...[...this.#timers.values()].map(({ atMs }) => atMs))
  }

  tick(): void {
    for (const [id, { atMs, run }] of [...this.#timers]) {
      if (atMs > this.world.now.monotonicMs || !this.#timers.delete(id)) continue
      run()
    }
  }

  receive(bytes: Uint8Array): void {
    this.listener?.onDatagram(bytes)
  }

  listen(listener: TransportListener): void {
    this.listener = listener
  }

  send(datagram: Uint8Array): void {
    this.world.toServer(datagram, this.address)
  }

  rebind(): void {
    this.rebinds++
    this.address = freshAddress()
  }

  close(): void {
    this.isClosed = true
  }
}

/** Passes virtual time, and lets promises settle. */
async function run(world: World, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 50) {
    world.run(50)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

async function started(
  world: World,
  more: Partial<ConnectOptions> = {},
): Promise<{ device: Device; computer: Computer; phone: Phone; storage: Storage }> {
  const phone = new Phone(world) // never started: it brings the enrolment
  const computer = new Computer(world)
  const storage = more.storage ?? new MemoryStorage()
  const { credentials } = phone
  const device = await connect({ credentials, storage, transport: computer, host: computer, crypto, ...more })
  return { device, computer, phone, storage }
}

function notify(world: World, phone: Phone, device: Device, ring = 0x52, deadlineInMs = 60_000): void {
  const app = Uint8Array.from(Buffer.from(APP, 'hex'))
  const content = { title: 'Ann', body: '', url: '', payload: new Uint8Array(0) }
  const deadlineMs = world.now.wallMs + deadlineInMs
  const id = 0x2000 + ring
  world.hub.send(phone.device.handle, {
    kind: 'notify',
    id,
    ring: new Uint8Array(16).fill(ring),
    app,
    rotation: entryOf(device.list, APP)!.rotation,
    deadlineMs,
    ...content,
  })
}

function outcome(world: World, phone: Phone, ring: number, what: 0 | 1 | 2 | 3 | 4): void {
  world.hub.send(phone.device.handle, { kind: 'outcome', id: 0x3000 + ring, ring: new Uint8Array(16).fill(ring), what })
}

t.test('connect, whenOnline, allow, a ring that is accepted, close', async (t) => {
  const world = new World(crypto)
  world.hub.puid = (app) => `puid-of-${hex(app)}`
  const { device, phone, computer } = await started(world)
  t.notOk(device.isOnline)
  const online = device.whenOnline()
  await run(world, 500)
  await online
  t.ok(device.isOnline)
  const puid = device.allow(APP, { hours: [{ days: 127, start: 0, end: 0 }] })
  await run(world, 1000)
  t.equal(await puid, `puid-of-${APP}`)
  t.match(device.list.entries, [{ flags: 1 }])

  const rings: Ring[] = []
  device.on('ring', (ring) => {
    rings.push(ring)
    ring.shown()
  })
  notify(world, phone, device)
  await run(world, 500)
  t.match(rings, [{ app: APP, title: 'Ann', id: '52'.repeat(16) }])
  const ended = (rings[0] as Ring).accept(new Uint8Array([1]))
  await run(world, 500)
  t.same(
    world.hub.verdicts.map(({ what }) => what),
    [2, 0],
  )
  outcome(world, phone, 0x52, 0)
  await run(world, 500)
  t.equal(await ended, 'accepted')
  await t.rejects((rings[0] as Ring).accept(), { code: 'PL_RING_OVER' })
  await t.rejects((rings[0] as Ring).dismiss(), { code: 'PL_RING_OVER' })

  const closed = device.close()
  await run(world, 1000)
  await closed
  t.ok(computer.isClosed)
  await t.rejects(device.deny(APP), { code: 'PL_STOPPED' })
})

t.test('deny, block, forget, choice, messages and zone settle when committed', async (t) => {
  const world = new World(crypto)
  const { device } = await started(world)
  const edits = [
    device.deny(APP),
    device.block('bbbbbbbbbbbbbbbb'),
    device.forget('cccccccccccccccc'),
    device.setChoice('unavailable'),
    device.setMessages('busy', ''),
    device.setZone('Europe/Paris'),
  ]
  await run(world, 2000)
  await Promise.all(edits)
  t.match(device.list, { choice: 1, status: 'busy', zone: 'Europe/Paris', entries: [{ flags: 8 }] })
  await t.rejects(device.deny('x'), { code: 'PL_BAD_HEX' })
  await t.rejects(device.setMessages('x'.repeat(129), ''), { code: 'PL_BAD_LIST' })
})

t.test('an edit for which no version is left is refused in words', async (t) => {
  const world = new World(crypto)
  const storage = new MemoryStorage()
  const { device, phone } = await started(world, { storage })
  const allowed = device.allow(APP)
  await run(world, 1000)
  await allowed
  const closing = device.close()
  await run(world, 500)
  await closing
  const stored = JSON.parse(new TextDecoder().decode((await storage.load()) as Uint8Array))
  stored.list.version = 2 ** 48 - 1
  world.hub.version = 2 ** 48 - 1
  await storage.save(new TextEncoder().encode(JSON.stringify(stored)))
  const computer = new Computer(world, 'second')
  const again = await connect({ credentials: phone.credentials, storage, transport: computer, host: computer, crypto })
  const errors: DeviceError[] = []
  again.on('error', (error) => errors.push(error))
  await run(world, 500)
  const refused = t.rejects(again.deny(APP), { code: 'PL_LIST_SPENT' })
  await run(world, 500)
  await refused
  t.match(errors, [{ code: 'PL_LIST_SPENT' }])
})

t.test('the state outlives the process', async (t) => {
  const world = new World(crypto)
  const { device, storage, phone } = await started(world)
  const denied = device.setMessages('here', '')
  await run(world, 1000)
  await denied
  const closing = device.close()
  await run(world, 500)
  await closing
  const computer = new Computer(world, 'second')
  const again = await connect({ credentials: phone.credentials, storage, transport: computer, host: computer, crypto })
  let bytes: unknown = 'none'
  again.on('online', (event) => {
    bytes = event.handshakeBytes
  })
  await run(world, 500)
  t.equal(bytes, null, 'no handshake')
  t.equal(again.list.status, 'here')
})

t.test('counters: datagrams and bytes by kind, as they met the transport', async (t) => {
  const world = new World(crypto)
  const { device } = await started(world)
  await run(world, 70_000)
  const { sent, received, dropped } = device.counters()
  t.same(sent['message-1'], { datagrams: 1, bytes: 120 })
  t.same(received['message-2'], { datagrams: 1, bytes: 67 })
  t.ok(sent.channel.datagrams >= 3 && received.channel.datagrams >= 3)
  t.equal(sent.all.bytes, sent.channel.bytes + 120)
  t.equal(received.all.bytes, received.channel.bytes + 67)
  t.equal(dropped.tag, 0)
})

t.test('contact lost: whenOnline rejects, the socket is bound anew, and it comes back', async (t) => {
  const world = new World(crypto)
  world.loses = () => true
  const { device, computer } = await started(world)
  const lost: DeviceError[] = []
  device.on('contact-lost', ({ error }) => lost.push(error))
  const refused = t.rejects(device.whenOnline(), { code: 'PL_NO_HANDSHAKE' })
  await run(world, 15_000)
  await refused
  t.equal(computer.rebinds, 1)
  t.match(lost, [{ code: 'PL_NO_HANDSHAKE' }])
  world.loses = () => false
  const online = device.whenOnline()
  await run(world, 20_000)
  await online
})

t.test('removed: everything that waits is rejected with the reason', async (t) => {
  const world = new World(crypto)
  const { device, phone } = await started(world)
  await run(world, 500)
  await t.rejects(device.puid(APP), { code: 'PL_NO_CONSENT' }, 'nothing to wait for')
  const waiting = t.rejects(device.hasApp(APP), { code: 'PL_DEVICE_REMOVED' })
  world.transmit(world.pair.command({ kind: 'remove', device: phone.device.handle, code: 2 }))
  await run(world, 500)
  await waiting
  await t.rejects(device.whenOnline(), { code: 'PL_DEVICE_REMOVED' })
  await device.close()
})

t.test('removed or closed: every ring settles as unconfirmed', async (t) => {
  const ends: Record<string, (world: World, phone: Phone, device: Device) => unknown> = {
    removed: (world, phone) => {
      world.transmit(world.pair.command({ kind: 'remove', device: phone.device.handle, code: 2 }))
    },
    closed: (_, __, device) => device.close(),
  }
  for (const [name, end] of Object.entries(ends)) {
    const world = new World(crypto)
    const { device, phone } = await started(world)
    await run(world, 500)
    const allowed = device.allow(APP)
    await run(world, 1000)
    await allowed
    const rings: Ring[] = []
    device.on('ring', (ring) => rings.push(ring))
    const told: string[] = []
    device.on('ring-ended', ({ ring, outcome: how }) => told.push(`${ring.slice(0, 2)} ${how}`))
    notify(world, phone, device, 0x52)
    notify(world, phone, device, 0x53)
    await run(world, 500)
    t.equal(rings.length, 2)
    const [answered, shown] = rings as [Ring, Ring]
    const accepted = answered.accept()
    const ended = Promise.all([accepted, answered.ended, shown.ended])
    const over = end(world, phone, device)
    await run(world, 1000)
    await over
    const late = new Promise((resolve) => setImmediate(resolve, 'hangs'))
    t.same(await Promise.race([ended, late]), ['unconfirmed', 'unconfirmed', 'unconfirmed'], name)
    t.same(told, ['52 unconfirmed', '53 unconfirmed'])
  }
})

t.test('network changes: a new socket and a new connection ID', async (t) => {
  const world = new World(crypto)
  const { device, computer } = await started(world)
  await run(world, 2000)
  const before = hex(computer.address)
  device.networkChanged()
  await run(world, 1000)
  t.not(hex(computer.address), before)
  t.ok(device.isOnline)
  const phones: string[] = []
  world.pair.takeEvents()
  const { drainEvents } = world
  world.drainEvents = () => {
    for (const event of world.pair.events) if (event.kind === 'contact') phones.push(event.state)
    drainEvents.call(world)
  }
  device.idle()
  await run(world, 200)
  device.active()
  await run(world, 200)
  t.same(phones, ['idle', 'active'])
  device.setThresholds(60, 600)
  await run(world, 1000)
  const sent = device.counters().sent.channel.datagrams
  device.networkChanged()
  await run(world, 100)
  t.ok(device.counters().sent.channel.datagrams > sent, 'a ping at once')
})

t.test('a storage that fails: told, nothing is sent before it is durable, tried again', async (t) => {
  const world = new World(crypto)
  let fails = true
  const inner = new MemoryStorage()
  const storage: Storage = {
    load: () => inner.load(),
    save: (bytes) => (fails ? Promise.reject(new Error('disk full')) : inner.save(bytes)),
  }
  const { device } = await started(world, { storage })
  const errors: DeviceError[] = []
  device.on('error', (error) => errors.push(error))
  await run(world, 8000)
  t.ok(errors.length >= 2)
  t.match(errors[0], { code: 'PL_STORAGE', message: /disk full/ })
  t.equal(device.counters().sent.all.datagrams, 0)
  fails = false
  await run(world, 20_000)
  t.ok(device.isOnline)
})

t.test('a listener that throws harms nobody else', async (t) => {
  const world = new World(crypto)
  const { device, computer } = await started(world)
  let thrown = 0
  const { setTimer } = computer
  computer.setTimer = (ms, each) =>
    setTimer.call(computer, ms, () => {
      try {
        each()
      } catch {
        thrown++
      }
    })
  const end = device.on('online', () => {
    throw new Error('the host fails')
  })
  await run(world, 1000)
  t.ok(device.isOnline)
  t.equal(thrown, 1)
  end()
})

t.test('a stored state that cannot be read is told', async (t) => {
  const world = new World(crypto)
  const storage = new MemoryStorage(new Uint8Array([1]))
  await t.rejects(started(world, { storage }), { code: 'PL_BAD_STORED' })
})

t.test('isOnline follows contact, close and stop', async (t) => {
  const world = new World(crypto)
  const { device, phone } = await started(world)
  await run(world, 500)
  t.ok(device.isOnline)
  world.loses = () => true
  await run(world, 60_000)
  t.notOk(device.isOnline)
  world.loses = () => false
  await run(world, 60_000)
  t.ok(device.isOnline)
  world.transmit(world.pair.command({ kind: 'remove', device: phone.device.handle, code: 3 }))
  await run(world, 100)
  t.notOk(device.isOnline)
})

t.test('a second device gets the list key by way of the promise API', async (t) => {
  const world = new World(crypto)
  const { device } = await started(world)
  await run(world, 500)
  t.throws(() => device.confirmKeyOffer(3), { code: 'PL_OFFER_UNKNOWN' })
  t.notOk(device.startNewList())
  device.clearMissed()
  t.same(device.missed, [])
})
