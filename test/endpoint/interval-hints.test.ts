import t from 'tap'
import { addressFrom } from '../../src/base/address.js'
import { IntervalHints } from '../../src/endpoint/interval-hints.js'
import { testCrypto } from '../support/crypto.js'
import { addressOf, Pair } from '../support/pair.js'

const crypto = await testCrypto()
const IPV4 = addressOf(1)
const IPV6 = addressFrom('2001:db8::1', 4000)
const DAY_MS = 86_400_000
const PING = { kind: 'ping', state: 'active', silenceClass: 4 } as const

t.test('[R-9.5-2] what 90 % reach, of 20 reports and more', async (t) => {
  const hints = new IntervalHints()
  const ask = (remote = IPV4, network: 0 | 1 | 2 = 2): number =>
    hints.answer(9999, { kind: 'learnt', network, seconds: 0 }, remote, 0).seconds
  for (let slot = 0; slot < 19; slot++) hints.answer(slot, { kind: 'learnt', network: 2, seconds: 200 }, IPV4, 0)
  t.equal(ask(), 0, 'too few')
  hints.answer(19, { kind: 'learnt', network: 2, seconds: 200 }, IPV4, 0)
  t.ok(ask() > 200 / 1.1 && ask() <= 200, `${ask()}`)
  t.equal(ask(IPV6), 0, 'by transport')
  t.equal(ask(IPV4, 1), 0, 'by kind of network')
  hints.answer(20, { kind: 'learnt', network: 2, seconds: 30 }, IPV4, 0)
  hints.answer(21, { kind: 'learnt', network: 2, seconds: 30 }, IPV4, 0)
  t.ok(ask() > 180, '2 of 22 learnt less')
  hints.answer(22, { kind: 'learnt', network: 2, seconds: 30 }, IPV4, 0)
  t.ok(ask() >= 27 && ask() <= 30, '3 of 23 did')
  hints.answer(23, { kind: 'learnt', network: 1, seconds: 2 ** 53 - 1 }, IPV4, 0)
})

t.test('[R-9.5-2] a session counts once a day, and old reports fade', async (t) => {
  const hints = new IntervalHints()
  const ask = (nowMs: number): number =>
    hints.answer(1, { kind: 'learnt', network: 0, seconds: 0 }, IPV6, nowMs).seconds
  for (let i = 0; i < 1000; i++) hints.answer(7, { kind: 'learnt', network: 0, seconds: 1800 }, IPV6, i)
  t.equal(ask(1000), 0, 'one device is one report')
  for (let slot = 0; slot < 40; slot++) hints.answer(slot, { kind: 'learnt', network: 0, seconds: 1800 }, IPV6, 2000)
  t.ok(ask(2000) > 1600 && ask(2000) <= 1800)
  t.ok(ask(2 * DAY_MS) > 0)
  t.equal(ask(30 * DAY_MS), 0)
})

t.test('[R-9.5-1] LEARNT is answered in the packet with the PONG, to the proven address only', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.join()
  const learnt = { kind: 'learnt', network: 1, seconds: 0 } as const
  t.match(device.exchange([PING, learnt], IPV4), [{ kind: 'pong' }, { kind: 'hint', network: 1, seconds: 0 }])
  t.match(device.exchange([PING, learnt, { kind: 'sync', version: 0 }], IPV4), [
    { kind: 'pong' },
    { kind: 'hint' },
    { kind: 'clock' },
  ])
  t.same(device.exchange([PING, learnt], IPV4, { ask: false }), [])
  const moved = device.exchange([PING, learnt], addressOf(2))
  t.same(
    moved.map(({ kind }) => kind),
    ['pong', 'challenge'],
  )
  t.equal(pair.takeEvents().filter(({ kind }) => kind === 'frame').length, 1, 'the hub hears of SYNC alone')
})
