import t from 'tap'
import { addressFrom, ipText } from '../../src/base/address.js'
import { connectionAddress } from '../../src/base/connection-address.js'
import { BoundAddresses } from '../../src/io/bound-addresses.js'
import { hostPort } from '../../src/io/udp-socket.js'

t.test('host and port as text', async (t) => {
  t.equal(hostPort('192.0.2.1', 80), '192.0.2.1:80')
  t.equal(hostPort('::1', 80), '[::1]:80')
})

t.test('the way back goes by the socket that heard, with the scope', async (t) => {
  const bound = new BoundAddresses<string>()
  bound.addSocket('four', 4)
  bound.addSocket('second four', 4)
  const heard = bound.received('192.0.2.1', 9, 'second four')?.slice()
  if (heard === undefined) throw new Error('no address')
  t.equal(bound.route(heard)?.socket, 'second four')
  t.same(bound.received('192.0.2.1', 9, 'four'), heard)
  t.equal(bound.route(heard)?.socket, 'four', 'the last socket counts')
  const unheard = addressFrom('198.51.100.7', 5)
  const six = addressFrom('2001:db8::1', 5)
  t.same(bound.route(unheard), { address: '198.51.100.7', port: 5, socket: 'four' })
  t.equal(bound.route(six), null, 'no socket of this family')
  bound.addSocket('six', 6)
  const local = bound.received('fe80::1%eth0', 9, 'six')?.slice()
  if (local === undefined) throw new Error('no address')
  t.equal(bound.route(local)?.address, 'fe80::1%eth0')
  for (let port = 1; port < 6000; port++) bound.received('192.0.2.2', port, 'four')
  t.equal(bound.route(local)?.address, 'fe80::1%eth0', 'who needs no place takes none')
  for (let port = 1; port < 6000; port++) bound.received('192.0.2.2', port, 'second four')
  t.equal(bound.route(local)?.address, 'fe80::1', 'forgotten when the cache is full')
  t.equal(bound.received('nonsense', 1, 'four'), null)
})

t.test(
  '[R-8.3-3] a UDP datagram that claims the address of a WebSocket is none, and none goes there by UDP',
  async (t) => {
    const bound = new BoundAddresses<string>()
    bound.addSocket('six', 6)
    const claimed = connectionAddress(new Uint8Array(6), 5)
    t.equal(bound.received(ipText(claimed), 1, 'six'), null)
    t.equal(bound.route(claimed), null)
  },
)
