/** Kills the device before and after each save, with the older state on its flash, and looks at what follows. */
import t from 'tap'
import { hex } from '../../src/base/bytes.js'
import { entryOf } from '../../src/client/list-edit.js'
import { testCrypto } from '../support/crypto.js'
import { APP } from './rig.js'
import { Killed, Phone, World } from './world.js'

const crypto = await testCrypto()
const RING = new Uint8Array(16).fill(0x52)

/** A day in the life of a phone; each step saves something. Returns the processes' phone. */
function live(world: World, phone: Phone): void {
  phone.start()
  world.run(3000)
  phone.do((machine, now) => machine.allow(APP, {}, now))
  world.run(3000)
  ring(world, phone)
  world.run(3000)
  phone.changeNetwork()
  world.run(3000)
  phone.do((machine, now) => machine.setMessages('here', '', now))
  world.run(3000)
  phone.kill()
  world.run(1000)
  phone.start()
  world.run(3000)
}

/** The server rings; deadline in a minute. */
function ring(world: World, phone: Phone): void {
  const { hub, now } = world
  const app = Uint8Array.from(Buffer.from(APP, 'hex'))
  const content = { title: 'T', body: '', url: '', payload: new Uint8Array(0) }
  hub.send(phone.device.handle, {
    kind: 'notify',
    id: 0x2222,
    ring: RING,
    app,
    rotation: phone.machine ? (entryOf(phone.machine.parts.list.current, APP)?.rotation ?? 0) : 0,
    deadlineMs: now.wallMs + 60_000,
    ...content,
  })
}

/** Saves in one life. */
function savesOfLife(): number {
  const world = new World(crypto)
  const phone = new Phone(world)
  live(world, phone)
  return phone.saves
}

type Asserts = Pick<typeof t, 'ok' | 'equal'>

/** What must hold after any crash, when the phone was started again. */
function check(t: Asserts, world: World, phone: Phone): void {
  world.until('online', () => phone.eventsOf('online').length > 0 && isQuiet(phone), 200_000)
  phone.do((machine, now) => machine.allow(APP, {}, now))
  phone.do((machine, now) => machine.setMessages('here', '', now))
  world.until('the list is committed', () => phone.machine?.parts.list.pending.length === 0 && world.hub.visible)
  t.equal(phone.machine?.parts.list.version, world.hub.version)
  t.ok(phone.machine?.parts.list.isVisible(APP))
  t.ok(phone.eventsOf('ring').length <= 1, 'a ring is never told twice')
  t.equal(phone.eventsOf('closed').length, 0)
  const left = phone.cids
  t.equal(new Set(left).size, left.length, '[R-6-3] no connection ID came back')
}

function isQuiet(phone: Phone): boolean {
  return phone.machine?.parts.asking.isUnanswered === false
}

t.test('a life saves often enough to be a test', async (t) => {
  t.ok(savesOfLife() >= 10, `${savesOfLife()} saves`)
})

for (const moment of ['before', 'after'] as const) {
  t.test(`killed ${moment} each save: heals, and never uses a key and number twice`, async (t) => {
    const saves = savesOfLife()
    for (let victim = 1; victim <= saves; victim++) {
      const world = new World(crypto)
      const phone = new Phone(world)
      phone.onSave = (request) => {
        if (phone.saves !== victim) return
        if (moment === 'after') phone.flash = request.bytes
        throw new Killed()
      }
      live(world, phone)
      if (phone.machine === null) {
        phone.start()
      }
      t.test(`save ${victim}`, async (t) => check(t, world, phone))
    }
  })
}

t.test('[R-12.5-1] started from each state that was ever stored: never a key and number twice', async (t) => {
  const world = new World(crypto)
  const phone = new Phone(world)
  const flashes: Uint8Array[] = []
  phone.onSave = (request) => {
    flashes.push(request.bytes)
  }
  live(world, phone)
  phone.kill()
  for (const [index, flash] of [...flashes].entries()) {
    phone.flash = flash
    phone.events.length = 0
    phone.start()
    world.until(`online from state ${index}`, () => phone.eventsOf('online').length > 0)
    phone.kill()
    world.run(2000)
  }
  t.ok(world.seen.size > 50)
})

t.test('two devices from one stored state: keys and numbers never meet, and one of them always works', async (t) => {
  const world = new World(crypto)
  const first = new Phone(world)
  live(world, first)
  first.kill()
  const clone = new Phone(world, first.device, first.flash)
  first.events.length = 0
  first.start()
  clone.start()
  world.run(600_000)
  t.ok(world.seen.size > 100)
  t.ok(first.eventsOf('online').length + clone.eventsOf('online').length > 0)
  t.equal(hex(first.flash as Uint8Array) === hex(clone.flash as Uint8Array), false)
})

t.test('an old copy of the store, with a clock that went back: a handshake, no reuse', async (t) => {
  const world = new World(crypto)
  const phone = new Phone(world)
  phone.start()
  world.run(5000)
  const old = phone.flash
  for (let i = 0; i < 3; i++) {
    phone.kill()
    world.run(100_000)
    phone.start()
    world.run(5000)
  }
  phone.kill()
  phone.flash = old
  phone.events.length = 0
  world.now.wallMs -= 290_000
  phone.start()
  world.until('online', () => phone.eventsOf('online').length > 0)
  t.match(phone.eventsOf('online')[0], { handshakeBytes: [120, 67] }, 'the server does not take the older boot value')
})
