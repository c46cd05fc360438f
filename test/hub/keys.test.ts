import t from 'tap'
import { House, homely, type Phone } from './house.js'

const nonce = new Uint8Array(16).fill(1)
const sealed = new Uint8Array(80).fill(2)

/** Two old devices and a new one. */
function family() {
  const { house, phones } = homely(2)
  const newcomer = house.device(1, 'Ada’s new phone').contact('active', true)
  return { house, first: phones[0] as Phone, second: phones[1] as Phone, newcomer }
}

t.test('a new device gets the list key from an old one', (t) => {
  const { house, first, second, newcomer } = family()
  newcomer.frame({ kind: 'key-request', nonce })
  const [offer] = first.of('key-offer')
  t.match(offer, { deviceKey: new Uint8Array(32).fill(3), nonce, name: 'Ada’s new phone' })
  t.equal(second.of('key-offer').length, 1)
  t.equal(newcomer.of('key-offer').length, 0)
  first.frame({ kind: 'key-sealed', request: offer?.request ?? 0, sealed })
  t.match(newcomer.of('key-given'), [{ senderKey: new Uint8Array(32).fill(1), nonce, sealed }])
  second.frame({ kind: 'key-sealed', request: offer?.request ?? 0, sealed })
  t.equal(newcomer.of('key-given').length, 1, 'once')
  t.same([house.metrics()['keyRequests'], house.metrics()['keysGiven'], house.metrics()['keysIgnored']], [0, 1, 1])
  t.end()
})

t.test('[R-11-3] devices that come later are offered it, and a key waits for its device', (t) => {
  const { first, second, newcomer } = family()
  first.lose()
  second.lose()
  newcomer.frame({ kind: 'key-request', nonce }).frame({ kind: 'key-request', nonce })
  first.contact()
  const [offer] = first.of('key-offer')
  t.ok(offer)
  first.contact('idle').contact('active')
  t.equal(first.of('key-offer').length, 1)
  newcomer.lose()
  first.frame({ kind: 'key-sealed', request: offer?.request ?? 0, sealed })
  t.equal(newcomer.of('key-given').length, 0)
  second.contact()
  t.equal(second.of('key-offer').length, 0, 'it was given')
  newcomer.contact()
  t.equal(newcomer.of('key-given').length, 1)
  t.end()
})

t.test('one request a device for 15 minutes; another nonce replaces it, not too often', (t) => {
  const { house, first, newcomer } = family()
  first.acks = false
  newcomer.frame({ kind: 'key-request', nonce })
  const other = new Uint8Array(16).fill(9)
  newcomer.frame({ kind: 'key-request', nonce: other })
  t.equal(house.metrics()['keyRequestsIgnored'], 1)
  house.advance(10_000)
  newcomer.frame({ kind: 'key-request', nonce: other })
  t.equal(house.metrics()['keyRequests'], 1)
  t.match(
    house.commands.find(({ kind }) => kind === 'cancel'),
    { id: first.of('key-offer')[0]?.id },
  )
  t.same(first.of('key-offer')[1]?.nonce, other)
  const request = first.of('key-offer')[0]?.request ?? 0
  first.frame({ kind: 'key-sealed', request, sealed })
  t.equal(newcomer.of('key-given').length, 0, 'the first request is gone')
  house.advance(900_000)
  t.equal(house.metrics()['keyRequests'], 0)
  t.end()
})

t.test('[R-11-3] nobody else may give or get: other persons, the device itself, removed devices', (t) => {
  const { house, first, newcomer } = family()
  const stranger = house.person(2)[0]?.contact('active', true) as Phone
  newcomer.frame({ kind: 'key-request', nonce })
  t.equal(stranger.of('key-offer').length, 0)
  const request = first.of('key-offer')[0]?.request ?? 0
  stranger.frame({ kind: 'key-sealed', request, sealed })
  newcomer.frame({ kind: 'key-sealed', request, sealed })
  t.equal(newcomer.of('key-given').length, 0)
  house.ask({ kind: 'device-removed', device: newcomer.handle, code: 2 })
  t.equal(house.metrics()['keyRequests'], 0)
  first.frame({ kind: 'key-sealed', request, sealed })
  t.equal(newcomer.of('key-given').length, 0)
  t.end()
})

t.test('requests are bounded in all', (t) => {
  const house = new House({ limits: { keyRequestsMax: 2 } })
  for (const person of [1, 2, 3]) house.person(person)[0]?.contact('active', true).frame({ kind: 'key-request', nonce })
  t.equal(house.metrics()['keyRequests'], 2)
  t.equal(house.metrics()['keyRequestsIgnored'], 1)
  t.end()
})

t.test('a request that is not acked goes out again at the next contact', (t) => {
  const { first, newcomer } = family()
  first.acks = false
  newcomer.acks = false
  newcomer.frame({ kind: 'key-request', nonce })
  first.lose().contact()
  t.equal(first.of('key-offer').length, 2)
  first.frame({ kind: 'key-sealed', request: first.of('key-offer')[0]?.request ?? 0, sealed })
  newcomer.lose().contact()
  t.equal(newcomer.of('key-given').length, 2)
  newcomer.ack(newcomer.of('key-given')[1]?.id ?? 0)
  newcomer.lose().contact()
  t.equal(newcomer.of('key-given').length, 2)
  t.end()
})

t.test('a device on which too many frames wait is offered it again, and given it again, without a new contact', (t) => {
  const { house, first, newcomer } = family()
  first.acks = false
  newcomer.acks = false
  newcomer.frame({ kind: 'key-request', nonce })
  const refuse = (phone: Phone, id = 0) => house.event({ kind: 'unacked', device: phone.handle, id })
  refuse(first, first.of('key-offer')[0]?.id)
  house.advance(9_999)
  t.equal(first.of('key-offer').length, 1)
  house.advance(1)
  t.equal(first.of('key-offer').length, 2)
  refuse(first, first.of('key-offer')[1]?.id)
  house.advance(10_000)
  t.equal(first.of('key-offer').length, 3)
  first.frame({ kind: 'key-sealed', request: first.of('key-offer')[0]?.request ?? 0, sealed })
  refuse(newcomer, newcomer.of('key-given')[0]?.id)
  house.advance(10_000)
  t.equal(newcomer.of('key-given').length, 2)
  newcomer.ack(newcomer.of('key-given')[1]?.id ?? 0)
  const timers = house.metrics()['timers']
  house.advance(60_000)
  t.equal(first.of('key-offer').length, 3)
  t.ok((house.metrics()['timers'] as number) <= (timers as number))
  t.end()
})
