import t from 'tap'
import { addressFrom, equalAddress, limitKey } from '../../src/base/address.js'
import { connectionAddress, connectionOf, isConnectionAddress } from '../../src/base/connection-address.js'

const TAG = new Uint8Array([1, 2, 3, 4, 5, 6])

t.test('a connection has an address of its own, and its number comes back', async (t) => {
  for (const number of [0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 48 + 7, 2 ** 53 - 1]) {
    const address = connectionAddress(TAG, number)
    t.equal(address.length, 18)
    t.ok(isConnectionAddress(address))
    t.equal(connectionOf(address), number)
  }
  t.notOk(equalAddress(connectionAddress(TAG, 1), connectionAddress(TAG, 2)))
})

t.test('[R-8.3-7] limits count the connections of a client as one, and clients apart', async (t) => {
  t.equal(limitKey(connectionAddress(TAG, 1)), limitKey(connectionAddress(TAG, 2 ** 40)))
  t.not(limitKey(connectionAddress(TAG, 1)), limitKey(connectionAddress(TAG.with(5, 7), 1)))
})

t.test('no address of a host is one of a connection', async (t) => {
  for (const ip of ['192.0.2.1', '2001:db8::1', '::', '::1', 'fd00::1', 'fe80::1', 'ff02::1', '100::1', '64:ff9b::1']) {
    t.notOk(isConnectionAddress(addressFrom(ip, 1)), ip)
  }
  t.ok(isConnectionAddress(addressFrom('1ff::1', 1)), 'reserved by RFC 4291: who claims it lies')
})
