/** Key steps of the machine against the real endpoint: what is lost, who dies, what is restored. wire-spec §5.6. */
import t from 'tap'
import { SeededRandom } from '../../src/base/seeded-random.js'
import type { StepPeriods } from '../../src/client/ratchet.js'
import type { SessionView } from '../../src/session/view.js'
import { testCrypto } from '../support/crypto.js'
import { guarded } from './rig.js'
import { Killed, Phone, World } from './world.js'

const crypto = await testCrypto()
const NEVER = Number.MAX_SAFE_INTEGER
const SYMMETRIC: StepPeriods = { stepMs: 60_000, keyStepMs: NEVER, packets: NEVER }
const KEYED: StepPeriods = { stepMs: NEVER, keyStepMs: 60_000, packets: NEVER }
const KINDS = { symmetric: SYMMETRIC, keyed: KEYED }

/** A world in which neither end may ever seal twice by a key and nonce. */
function guardedWorld(seed?: string): World {
  return new World(guarded(crypto), seed)
}

/** A phone in contact. */
function joined(world: World, steps: StepPeriods, keepaliveS = 30): Phone {
  const phone = new Phone(world)
  phone.more = { steps, keepaliveS }
  phone.start()
  world.until('online', () => phone.eventsOf('online').length > 0)
  world.run(2000)
  return phone
}

function serverView(world: World, phone: Phone): SessionView {
  return world.pair.slab.view().at(phone.device.slot)
}
const epochOf = (phone: Phone): number => phone.machine?.parts.channel.view.epoch ?? -1
const handshakes = (phone: Phone): number => phone.sent.filter((bytes) => bytes[0] === 1).length
const agrees = (world: World, phone: Phone): boolean => serverView(world, phone).epoch === epochOf(phone)

/** Runs until both ends are in this epoch and an answer has come under it. */
function untilStepped(world: World, phone: Phone, epoch: number): void {
  world.until(
    `epoch ${epoch}`,
    () => epochOf(phone) === epoch && agrees(world, phone) && phone.machine?.parts.channel.mayStep === true,
    600_000,
  )
}

for (const [name, steps] of Object.entries(KINDS)) {
  t.test(
    `[R-5.6-1] a ${name} step rides along with a ping; only the first packet under the new root is more`,
    async (t) => {
      const world = guardedWorld()
      const phone = joined(world, steps)
      const before = phone.sent.length
      const startMs = world.now.monotonicMs
      const rootBefore = serverView(world, phone).read(0, new Uint8Array(32))
      world.run(57_000)
      t.equal(epochOf(phone), 0, 'not before its time')
      untilStepped(world, phone, 1)
      world.run(20_000)
      const sent = phone.sent.slice(before)
      const pings = Math.ceil((world.now.monotonicMs - startMs) / 27_000)
      t.ok(sent.length <= pings + 1, `${sent.length} packets: at most ${pings} pings and one more`)
      t.notSame(serverView(world, phone).read(0, new Uint8Array(32)), rootBefore)
      t.same(
        serverView(world, phone).read(0, new Uint8Array(32)),
        phone.machine?.parts.channel.view.read(0, new Uint8Array(32)),
      )
      world.run(1_200_000)
      t.ok(epochOf(phone) >= 9, `epoch ${epochOf(phone)}`)
      t.equal(world.pair.endpoint.metrics().stepsRefused, 0)
      t.equal(handshakes(phone), 1)
      t.equal(phone.machine?.drops.total, 0)
    },
  )

  t.test(`[R-5.6-5] a ${name} step heals whatever datagrams are lost`, async (t) => {
    for (let mask = 1; mask < 64; mask++) {
      const world = guardedWorld()
      const phone = joined(world, steps)
      world.run(57_500)
      // What goes over the wire from here on: PING with STEP, PONG, STEPPED, PING, PONG.
      let count = 0
      world.loses = () => ((mask >> count++) & 1) === 1
      untilStepped(world, phone, 1)
      if (handshakes(phone) !== 1) t.fail(`mask ${mask}: a handshake`)
      world.run(100_000)
      if (!agrees(world, phone) || epochOf(phone) < 2) t.fail(`mask ${mask}: it does not go on`)
      t.equal(phone.eventsOf('closed').length, 0)
    }
  })

  t.test(`the server dies at each datagram of a ${name} step, before and after its commit: no handshake`, async (t) => {
    for (let victim = 1; victim <= 6; victim++) {
      for (const durable of [false, true]) {
        const world = guardedWorld()
        const phone = joined(world, steps)
        world.run(57_500)
        let count = 0
        let dies = false
        world.loses = (_, toServer) => {
          if (++count === victim) dies = true
          // What arrives at a server that dies is done, and perhaps stored, but nothing of it is heard.
          if (dies && toServer && !durable) return true
          return dies && !toServer
        }
        for (let passed = 0; !dies && passed < 90_000; passed += 5) world.run(5)
        world.run(30)
        world.loses = () => false
        world.restartServer(3000)
        untilStepped(world, phone, 1)
        t.equal(handshakes(phone), 1, `victim ${victim}, durable ${durable}`)
        world.run(100_000)
        t.ok(agrees(world, phone) && epochOf(phone) >= 2)
      }
    }
  })

  t.test(
    `the server dies while a ${name} step is on its way to the store: it was not promised, and heals`,
    async (t) => {
      const world = guardedWorld()
      const phone = joined(world, steps)
      const { store } = world.pair
      world.run(50_000)
      store.holds = true
      world.until('the commit is asked for', () => store.held.length > 0)
      world.run(3000)
      t.equal(epochOf(phone), 0, '[R-5.6-2] no STEPPED before the commit')
      store.holds = false
      store.held.length = 0
      world.restartServer(1000)
      untilStepped(world, phone, 1)
      t.equal(handshakes(phone), 1)
    },
  )

  for (const moment of ['before', 'after'] as const) {
    t.test(`[R-5.6-5] the device dies ${moment} the save of a ${name} step: no handshake`, async (t) => {
      const world = guardedWorld()
      const phone = joined(world, steps)
      world.run(50_000)
      phone.onSave = (request) => {
        phone.onSave = () => {}
        if (moment === 'after') phone.flash = request.bytes
        throw new Killed()
      }
      world.until('killed', () => phone.machine === null)
      t.equal(serverView(world, phone).epoch, 0, 'nothing went out under a root that was not stored')
      world.run(5000)
      phone.start()
      t.equal(epochOf(phone), moment === 'after' ? 1 : 0)
      untilStepped(world, phone, 1)
      t.equal(handshakes(phone), 1)
      world.run(200_000)
      t.ok(agrees(world, phone) && epochOf(phone) >= 3)
      t.equal(handshakes(phone), 1)
    })
  }

  t.test(`the device dies at any time of a ${name} step, then the server: no handshake`, async (t) => {
    for (let afterMs = 0; afterMs <= 120; afterMs += 10) {
      const world = guardedWorld()
      const phone = joined(world, steps)
      world.run(50_000)
      const before = phone.sent.length
      world.until('the ping with STEP', () => phone.sent.slice(before).some((bytes) => bytes.length > 24))
      world.run(afterMs)
      phone.kill()
      world.run(1000)
      world.restartServer(2000)
      phone.start()
      untilStepped(world, phone, 1)
      t.equal(handshakes(phone), 1, `after ${afterMs} ms`)
    }
  })
}

t.test(
  'a month: one handshake, a step with keys each day and a symmetric one each hour',
  { timeout: 300_000 },
  async (t) => {
    const world = new World(crypto, 'month')
    const phone = new Phone(world)
    phone.more = { keepaliveS: 600 }
    phone.start()
    const DAY_MS = 86_400_000
    let steps = 0
    let counted = 0
    /** The epoch goes around at 256, which is more than ten days. */
    const countSteps = (): void => {
      const { epoch } = serverView(world, phone)
      steps += (epoch - counted + 256) % 256
      counted = epoch
    }
    for (let day = 0; day < 30; day++) {
      world.run(DAY_MS / 2)
      countSteps()
      if (day % 7 === 3) {
        phone.kill()
        world.run(60_000)
        phone.start()
      }
      world.run(DAY_MS / 2)
      if (day % 10 === 5) world.restartServer(5000)
    }
    world.run(DAY_MS / 12)
    const { length: keyed } = phone.sent.filter((bytes) => bytes.length >= 58 && bytes.length < 80)
    t.equal(handshakes(phone), 1)
    t.equal(phone.eventsOf('contact-lost').length, 0)
    t.ok(keyed >= 29 && keyed <= 32, `${keyed} steps with keys`)
    const { epoch } = serverView(world, phone)
    t.equal(epoch, epochOf(phone))
    countSteps()
    t.ok(steps >= 600 && steps <= 30 * 25, `${steps} steps in all`)
    const perDay = phone.sent.length / 30
    t.ok(perDay < 144 * 1.1 + 24 + 10, `${perDay} packets a day: one a ping, and one for each step`)
  },
)

t.test('[R-5.6-1] packets count as well as time', async (t) => {
  const world = guardedWorld()
  const phone = joined(world, { stepMs: NEVER, keyStepMs: NEVER, packets: 50 })
  world.run(30_000 * 26)
  t.equal(epochOf(phone), 1)
})

t.test('[R-5.6-5] an old flash, whose root the server has left: one handshake, no key and number twice', async (t) => {
  const world = guardedWorld()
  const phone = joined(world, SYMMETRIC)
  for (const behind of [1, 2, 3]) {
    const flash = phone.flash
    const epoch = epochOf(phone)
    const before = handshakes(phone)
    untilStepped(world, phone, (epoch + behind) % 256)
    phone.kill()
    phone.flash = flash
    phone.events.length = 0
    phone.start()
    world.until('online again', () => phone.eventsOf('online').length > 0)
    t.equal(handshakes(phone), before + 1, `${behind} behind`)
    world.run(5000)
  }
})

t.test('an old database, whose root the device has left: one handshake', async (t) => {
  const world = guardedWorld()
  const phone = joined(world, KEYED)
  for (const behind of [1, 2, 3]) {
    const epoch = epochOf(phone)
    const before = handshakes(phone)
    const old = world.pair.store.clone()
    untilStepped(world, phone, (epoch + behind) % 256)
    for (const row of old.rows.values()) world.pair.store.rows.set(row.device, row)
    world.restartServer(1000)
    phone.events.length = 0
    world.until('online again', () => phone.eventsOf('online').some(({ handshakeBytes }) => handshakeBytes !== null))
    t.equal(handshakes(phone), before + 1, `${behind} behind`)
    world.run(5000)
  }
})

t.test(
  'a database from the middle of a step: the promise in it holds, also for a device that has gone on',
  async (t) => {
    for (const steps of [SYMMETRIC, KEYED]) {
      const world = guardedWorld()
      const phone = joined(world, steps)
      world.run(50_000)
      const { store } = world.pair
      const commits = store.count('commit-session')
      world.until('promised', () => store.count('commit-session') > commits)
      const old = store.clone()
      untilStepped(world, phone, 1)
      for (const row of old.rows.values()) store.rows.set(row.device, row)
      world.restartServer(1000)
      world.run(40_000)
      t.ok(agrees(world, phone))
      t.equal(handshakes(phone), 1)
    }
  },
)

t.test('two devices from one state, both stepping: keys and numbers never meet, one always works', async (t) => {
  const world = guardedWorld()
  const first = joined(world, { stepMs: 60_000, keyStepMs: 180_000, packets: NEVER })
  first.kill()
  const clone = new Phone(world, first.device, first.flash)
  clone.more = first.more
  first.events.length = 0
  first.start()
  world.run(50_000)
  clone.start()
  world.run(900_000)
  t.ok(world.seen.size > 60)
  t.ok(first.eventsOf('online').length + clone.eventsOf('online').length > 0)
  t.ok(world.pair.endpoint.metrics().steps > 0, `${world.pair.endpoint.metrics().steps} steps`)
})

t.test(
  'loss, restarts, kills and moves while stepping all the time: never a second handshake',
  { timeout: 300_000 },
  async (t) => {
    for (const seed of ['1', '2', '3', '4', '5', '6']) {
      const world = guardedWorld(seed)
      const random = new SeededRandom(`${seed} ratchet`)
      const phone = joined(world, { stepMs: 5000, keyStepMs: 20_000, packets: NEVER }, 7)
      world.loses = () => random.int(100) < 15
      for (let i = 0; i < 40; i++) {
        const what = random.int(6)
        if (what === 0) phone.changeNetwork()
        if (what === 1) phone.rebindNat()
        if (what === 2) world.restartServer(1 + random.int(3000))
        if (what === 3) {
          phone.kill()
          world.run(random.int(2000))
          phone.start()
        }
        world.run(random.int(15_000))
      }
      world.loses = () => false
      world.run(60_000)
      t.ok(agrees(world, phone), `seed ${seed}`)
      t.equal(handshakes(phone), 1, `seed ${seed}`)
      t.equal(phone.eventsOf('closed').length, 0)
      t.ok(epochOf(phone) > 10, `epoch ${epochOf(phone)}`)
      t.equal(phone.machine?.parts.channel.save()?.length, 112)
    }
  },
)
