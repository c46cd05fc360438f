/** Rings that go out and that nobody acks: docs/rings.md. */
import t from 'tap'
import { homely, listFor, type Phone } from './house.js'

/** After that a ring that nobody acked is queued again, ms. */
const SILENCE_MS = 8_000

t.test('a ring that no device acks is queued again, as unanswered, and goes on with the ack', (t) => {
  const { house, phone } = homely()
  phone.acks = false
  house.subscribe()
  const ring = house.ring(1)?.ring ?? ''
  house.advance(SILENCE_MS - 1)
  t.match(house.readRing(ring), { state: 'sent', reason: '' })
  house.advance(1)
  t.match(house.readRing(ring), { state: 'queued', reason: 'unanswered' })
  phone.contact('idle')
  t.match(house.readRing(ring), { state: 'queued', reason: 'unanswered' }, 'a packet is no ack')
  phone.ack(phone.notifies[0]?.id ?? 0)
  t.match(house.readRing(ring), { state: 'delivered', reason: '' })
  house.advance(SILENCE_MS)
  t.match(house.readRing(ring), { state: 'delivered', reason: '' })
  const states = house.take('ring-change').map((one) => one.ring.state)
  t.same(states, ['queued', 'delivered'])
  t.end()
})

t.test('one more device starts the wait anew: each has its time to answer', (t) => {
  const { house, phones } = homely(2)
  const [first, second] = phones as [Phone, Phone]
  first.acks = false
  second.acks = false
  second.lose()
  const ring = house.ring(1)?.ring ?? ''
  house.advance(5_000)
  second.contact()
  t.equal(second.notifies.length, 1)
  house.advance(SILENCE_MS - 1)
  t.match(house.readRing(ring), { state: 'sent' })
  house.advance(1)
  t.match(house.readRing(ring), { state: 'queued', reason: 'unanswered' })
  t.end()
})

t.test('a device that comes later is sent the ring, which is then no longer unanswered', (t) => {
  const { house, phones } = homely(2)
  const [first, second] = phones as [Phone, Phone]
  first.acks = false
  second.acks = false
  second.lose()
  const ring = house.ring(1)?.ring ?? ''
  house.advance(SILENCE_MS)
  t.match(house.readRing(ring), { state: 'queued', reason: 'unanswered' })
  second.contact()
  t.match(house.readRing(ring), { state: 'sent', reason: '' })
  house.advance(SILENCE_MS)
  t.match(house.readRing(ring), { state: 'queued', reason: 'unanswered' })
  t.end()
})

t.test('who hides meanwhile is the better reason', (t) => {
  const { house, phone } = homely()
  phone.acks = false
  const ring = house.ring(1)?.ring ?? ''
  house.advance(SILENCE_MS)
  phone.putList(listFor([]))
  t.match(house.readRing(ring), { state: 'queued', reason: 'offline' })
  phone.verdict(0)
  t.match(house.readRing(ring), { state: 'accepted', reason: '' })
  house.advance(SILENCE_MS)
  t.match(house.readRing(ring), { state: 'accepted', reason: '' })
  t.end()
})
