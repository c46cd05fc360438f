/** Messages 1 wait while known devices have something to say. */
import t from 'tap'
import { equalBytes } from '../../src/base/bytes.js'
import { WAITING_MAX, WaitingHandshakes } from '../../src/endpoint/waiting-handshakes.js'
import { testCrypto } from '../support/crypto.js'
import { addressOf, Pair } from '../support/pair.js'

const crypto = await testCrypto()
const A = addressOf(1)

t.test('a message 1 that is postponed does nothing until it is taken up, and is answered then', async (t) => {
  const pair = new Pair(crypto)
  const device = pair.enrol()
  const { endpoint } = pair
  const message = device.message1()
  t.equal(endpoint.postpone(message, A), true)
  message.fill(0)
  t.equal(endpoint.pollStore(), null)
  t.equal(endpoint.metrics().packetsIn['message-1'], 0)
  t.equal(endpoint.metrics().handshakesWaiting, 1)
  t.equal(endpoint.handlePostponed(pair.now), false, 'no other waits')
  t.equal(endpoint.pollStore()?.kind, 'find-device', 'its bytes were copied')
  t.equal(endpoint.metrics().packetsIn['message-1'], 1)
  t.equal(endpoint.handlePostponed(pair.now), false)
  t.equal(endpoint.pollStore(), null)
})

t.test('nothing but handshakes is postponed', async (t) => {
  const { endpoint } = new Pair(crypto)
  t.equal(endpoint.postpone(new Uint8Array(24).fill(0x80), A), false)
  t.equal(endpoint.postpone(new Uint8Array(120).fill(9), A), false, 'no kind')
  t.equal(endpoint.postpone(new Uint8Array([1]), A), false, 'no length')
  t.equal(endpoint.postpone(new Uint8Array(0), A), false)
  t.equal(endpoint.metrics().handshakesWaiting, 0)
})

t.test('the table is of fixed size; the oldest gives way, without an answer, and is counted', async (t) => {
  const pair = new Pair(crypto)
  const { endpoint } = pair
  const message = new Uint8Array(120).fill(1)
  for (let i = 0; i < WAITING_MAX + 3; i++) endpoint.postpone(message, A)
  t.equal(endpoint.metrics().handshakesWaiting, WAITING_MAX)
  t.equal(pair.dropped('limit'), 3)
  t.equal(endpoint.metrics().packetsIn['message-1'], 3)
  t.equal(endpoint.pollTransmit(), null)
})

t.test('first in, first out, of both lengths, around the end of the table', async (t) => {
  const waiting = new WaitingHandshakes()
  const one = (nth: number) => new Uint8Array(nth % 2 === 0 ? 120 : 136).fill(nth % 251)
  let [added, taken, gone] = [0, 0, 0]
  const wrong: number[] = []
  for (const [add, take] of [
    [800, 600],
    [800, 400],
    [600, 1200],
  ] as const) {
    for (let i = 0; i < add; i++) {
      if (waiting.add(one(added), addressOf(added++ % 200))) continue
      gone++
      taken++
    }
    for (let i = 0; i < take && waiting.count > 0; i++, taken++) {
      const { message, remote } = waiting.take()!
      const isRight = equalBytes(message, one(taken)) && equalBytes(remote, addressOf(taken % 200))
      if (!isRight) wrong.push(taken)
    }
  }
  t.same(wrong, [])
  t.equal(gone, 600 + 600 - WAITING_MAX)
  t.equal(waiting.count, 0)
  t.equal(taken, added)
  t.equal(waiting.take(), null)
})
