import t from 'tap'
import { SeededRandom } from '../../src/base/seeded-random.js'
import { testCrypto } from '../support/crypto.js'
import { NatPhone } from './nat-phone.js'
import { freshAddress, World } from './world.js'

const crypto = await testCrypto()
const HOUR_MS = 3_600_000

const handshakes = (world: World): number => world.pair.endpoint.metrics().handshakes
const view = (phone: NatPhone) => phone.machine.keepalive(phone.world.now)

t.test('[R-9.4-7] learns on a second socket; the live mapping never dies of it', async (t) => {
  const world = new World(crypto, 'learns')
  const phone = new NatPhone(world, 120)
  world.run(1000)
  t.ok(phone.intervalS === 27, 'before anything is known')
  world.run(6 * HOUR_MS)
  t.ok(phone.intervalS > 120 * 0.9 * 0.9 && phone.intervalS < 120, `${phone.intervalS} s`)
  const { probes, networks } = view(phone)
  t.equal(probes.mappingsDied, 0)
  t.equal(phone.main.mappings, 1, 'one mapping all the time')
  t.equal(handshakes(world), 1)
  t.equal(world.pair.endpoint.metrics().challengesSent, 0)
  t.ok(probes.sent >= 5 && probes.sent < 20, `${probes.sent} probes`)
  t.equal(probes.tails, probes.answered + probes.failed)
  t.match(networks, [{ carrier: 'udp', isCurrent: true }])
  t.notMatch(new TextDecoder().decode(phone.flash!), 'home', 'no name of a network in the store')
  const sent = probes.sent
  world.run(12 * HOUR_MS)
  t.equal(view(phone).probes.sent, sent, 'and then it is quiet')
  t.equal(phone.main.mappings, 1)
})

t.test('[R-9.4-8] loss costs probes, and no more', async (t) => {
  const world = new World(crypto, 'loss')
  const random = new SeededRandom('loss')
  world.loses = () => random.int(100) < 5
  const phone = new NatPhone(world, 120)
  world.run(10 * HOUR_MS)
  t.ok(phone.intervalS > 80 && phone.intervalS < 120, `${phone.intervalS} s`)
  t.equal(handshakes(world), 1)
  t.ok(view(phone).probes.failed >= 2)
})

t.test('[R-9.1-1] a router that starts anew halves the interval until a probe says that nothing changed', async (t) => {
  const world = new World(crypto, 'router')
  const phone = new NatPhone(world, 120)
  world.run(6 * HOUR_MS)
  const learnt = phone.intervalS
  phone.dropMappings()
  world.until('the next ping', () => phone.intervalS < learnt)
  t.ok(Math.abs(phone.intervalS - learnt / 2) < 1)
  world.run(HOUR_MS / 6)
  t.equal(phone.intervalS, learnt, 'it was not the interval')
  t.equal(view(phone).probes.mappingsDied, 1)
  t.equal(handshakes(world), 1)
})

t.test('[R-9.1-1] a NAT that keeps mappings shorter from now on is learnt anew', async (t) => {
  const world = new World(crypto, 'shorter')
  const phone = new NatPhone(world, 300)
  world.run(12 * HOUR_MS)
  t.ok(phone.intervalS > 220, `${phone.intervalS} s`)
  phone.timerMs = 60_000
  world.run(4 * HOUR_MS)
  t.ok(phone.intervalS >= 45 && phone.intervalS < 60, `${phone.intervalS} s`)
  t.equal(handshakes(world), 1)
})

t.test('a change that the host tells of is no dead mapping; each network keeps its interval', async (t) => {
  const world = new World(crypto, 'networks')
  const phone = new NatPhone(world, 120)
  world.run(6 * HOUR_MS)
  const learnt = phone.intervalS
  phone.dropMappings()
  phone.do((machine, now) => machine.networkChanged(now, { id: 'train', kind: 'cellular' }))
  world.run(5000)
  t.equal(phone.intervalS, 27)
  phone.dropMappings()
  phone.do((machine, now) => machine.networkChanged(now, { id: 'home', kind: 'wifi' }))
  world.run(5000)
  t.equal(phone.intervalS, learnt)
  t.equal(view(phone).probes.mappingsDied, 0)
  t.equal(handshakes(world), 1)
})

t.test(
  '[R-9.2-2] an hour in the dark, asleep or without network, makes no handshake if the host tells of it',
  async (t) => {
    const world = new World(crypto, 'dark')
    const phone = new NatPhone(world, 120)
    world.run(HOUR_MS)
    world.loses = () => true
    phone.do((machine, now) => machine.networkChanged(now, null))
    const sent = phone.sentAtMs.length
    world.run(HOUR_MS)
    t.equal(phone.sentAtMs.length, sent, 'nothing is sent')
    world.loses = () => false
    phone.do((machine, now) => machine.networkChanged(now, { id: 'home', kind: 'wifi' }))
    t.equal(phone.sentAtMs.length, sent + 1, 'a ping at once')
    world.run(20_000)
    phone.do((machine) => machine.suspended())
    phone.sleeps = true
    world.run(HOUR_MS)
    phone.sleeps = false
    phone.do((machine, now) => machine.resumed(false, now))
    t.equal(phone.sentAtMs.at(-1), world.now.monotonicMs, 'the promise ran out: a ping at once')
    world.run(20_000)
    t.equal(handshakes(world), 1)
    t.ok(phone.intervalS >= 27, 'and that the mapping died meanwhile says nothing')
  },
)

t.test(
  'radioActive: a ping goes now, unless the last one was just now or within a tenth of the interval',
  async (t) => {
    const world = new World(crypto, 'radio')
    const phone = new NatPhone(world, 1000, { id: 'home', kind: 'wifi' })
    const pingsAfter = (ms: number): number => {
      world.run((phone.sentAtMs.at(-1) as number) + ms - world.now.monotonicMs)
      const sent = phone.sentAtMs.length
      phone.do((machine, now) => machine.radioActive(now))
      return phone.sentAtMs.length - sent
    }
    world.run(1000)
    t.equal(pingsAfter(9000), 0, 'the exchange of the last one')
    t.equal(pingsAfter(11_000), 1)
    world.run(24 * HOUR_MS)
    t.ok(phone.intervalS > 800)
    phone.do((machine, now) => machine.setState('idle', now))
    world.run(1000)
    t.equal(pingsAfter(60_000), 0, 'a tenth of the interval')
    t.equal(pingsAfter(100_000), 1)
  },
)

t.test('[R-7.1-5] the server waits exactly for the learnt interval and its grace', async (t) => {
  const world = new World(crypto, 'exact')
  const phone = new NatPhone(world, 335)
  world.run(24 * HOUR_MS)
  const seconds = Math.ceil(phone.intervalS)
  const record = world.pair.slab.view().at(phone.phone.device.slot)
  t.equal(record.customSilenceS, seconds)
  t.equal(record.ping & 15, 15)
  phone.sleeps = true
  const lastMs = record.silentFromMs
  world.pair.takeEvents()
  const lostMs = lastMs + seconds * 1000 + 10_000 + (seconds * 1000) / 16
  world.pair.advance(Math.ceil(lostMs) - 1 - world.now.monotonicMs)
  t.same(world.pair.takeEvents(), [])
  world.pair.advance(2)
  t.match(world.pair.takeEvents(), [{ kind: 'lost' }])
})

t.test('[R-9.4-6] packets with PROBE count on the second socket only, others nowhere there', async (t) => {
  const world = new World(crypto, 'sockets')
  const phone = new NatPhone(world, 300)
  world.run(60_000)
  t.ok(phone.probes.length > 0)
  const answers: Uint8Array[] = []
  world.loses = (bytes, toServer) => {
    if (!toServer && (bytes[0]! & 0x04) !== 0) answers.push(bytes)
    return answers.includes(bytes)
  }
  world.until('an answer', () => answers.length > 0)
  phone.do((machine, now) => machine.handleDatagram(answers[0] as Uint8Array, now))
  t.equal(phone.machine.drops.of('unexpected'), 1)
  phone.do((machine, now) => machine.handleProbeDatagram(new Uint8Array(19).fill(0x80), now))
  phone.do((machine, now) => machine.handleProbeDatagram(new Uint8Array(19).fill(0x84), now))
  t.ok(phone.machine.drops.of('unexpected') >= 2)
  t.equal(handshakes(world), 1)
})

t.test('[R-9.5-3] a hint of the server is where a device begins', async (t) => {
  const world = new World(crypto, 'hint')
  for (let slot = 100; slot < 130; slot++) {
    const device = world.pair.enrol(slot)
    const address = freshAddress()
    device.handshake(address)
    const ping = { kind: 'ping', state: 'active', silenceClass: 4 } as const
    device.exchange([ping, { kind: 'learnt', network: 1, seconds: 250 }], address)
  }
  const phone = new NatPhone(world, 300)
  world.run(5000)
  t.ok(phone.intervalS > 200 && phone.intervalS <= 225, `${phone.intervalS} s`)
})
