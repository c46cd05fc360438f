import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import {
  addressFrom,
  addressText,
  equalAddress,
  ipText,
  isIpv4,
  limitKey,
  portOf,
  writeAddress,
} from '../../src/base/address.js'
import { fromHex, hex } from '../../src/base/bytes.js'

/** Text for text: [given, RFC 5952 or dotted]. */
const FORMS: readonly [string, string][] = [
  ['192.0.2.1', '192.0.2.1'],
  ['0.0.0.0', '0.0.0.0'],
  ['255.255.255.255', '255.255.255.255'],
  ['::', '::'],
  ['::1', '::1'],
  ['1::', '1::'],
  ['2001:db8::1', '2001:db8::1'],
  ['2001:0DB8:0:0:0:0:0:1', '2001:db8::1'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['::ffff:c000:201', '192.0.2.1'],
  ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
  ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
  ['::192.0.2.1', '::c000:201'],
  ['fe80::1%eth0', 'fe80::1'],
]

t.test('every form of an address has one normal form', async (t) => {
  for (const [given, normal] of FORMS) {
    t.equal(ipText(addressFrom(given, 5683)), normal, given)
    t.ok(equalAddress(addressFrom(given, 5683), addressFrom(normal, 5683)), given)
  }
  t.equal(hex(addressFrom('192.0.2.1', 5683)), '00000000000000000000ffffc00002011633')
  t.equal(addressText(addressFrom('192.0.2.1', 5683)), '192.0.2.1:5683')
  t.equal(addressText(addressFrom('2001:db8::1', 65535)), '[2001:db8::1]:65535')
  t.equal(portOf(addressFrom('::', 65535)), 65535)
  t.ok(isIpv4(addressFrom('::ffff:0:1', 0)))
  t.notOk(isIpv4(addressFrom('::fffe:1', 0)))
})

t.test('what is no address is refused', async (t) => {
  const refused = [
    '',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '01.2.3.4',
    '1.2.3.',
    '.1.2.3',
    '1..2.3',
    '1.2.3.4 ',
    'a.b.c.d',
    '1.2.3.-1',
    '1.2.3.4:5',
  ]
  refused.push(
    ':',
    ':::',
    '1',
    '1:2',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    '12345::',
    'g::',
    '1:2:3:4:5:6:7:8::',
    '::1:2:3:4:5:6:7:8',
  )
  refused.push(
    '1.2.3.4::',
    '::1.2.3',
    '::1.2.3.4:1',
    '1:2:3:4:5:6:7:1.2.3.4',
    ':1::',
    '1::2:',
    '[::1]',
    '%eth0',
    '::1.2.3.4.5',
  )
  for (const ip of refused) t.throws(() => addressFrom(ip, 1), { code: 'PL_BAD_ADDRESS' }, ip)
  for (const port of [-1, 65536, 1.5, Number.NaN]) t.throws(() => addressFrom('::1', port), { code: 'PL_BAD_ADDRESS' })
})

t.test('any 16 bytes go to text and back, in the shortest form', async () => {
  const group = fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(0xffff) })
  fc.assert(
    fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), fc.nat(65535), (groups, port) => {
      const given = groups.map((value) => value.toString(16)).join(':')
      const address = addressFrom(given, port)
      const text = ipText(address)
      assert.ok(isIP(text))
      assert.deepEqual(addressFrom(text, port), address)
      const url = new URL(`http://[${given}]`).hostname.slice(1, -1)
      if (!isIpv4(address)) assert.equal(text, url)
    }),
  )
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), fc.ipV4Extended(), fc.string({ maxLength: 20 })), (ip) => {
      assert.equal(writeAddress(new Uint8Array(18), ip, 1), isIP(ip) !== 0, ip)
    }),
    { numRuns: 2000 },
  )
})

t.test('limits count IPv4 whole and IPv6 by /64', async (t) => {
  const key = (ip: string, port = 1) => limitKey(addressFrom(ip, port))
  t.equal(key('192.0.2.1', 1), key('192.0.2.1', 2))
  t.not(key('192.0.2.1'), key('192.0.2.2'))
  t.equal(key('2001:db8::1'), key('2001:db8::ffff:ffff:ffff:ffff'))
  t.not(key('2001:db8::1'), key('2001:db8:0:1::1'))
  t.not(key('::1'), key('0.0.0.1'))
})

t.test('addresses differ by any bit', async (t) => {
  const address = fromHex('20010db800000000000000000000000116ff')
  for (let i = 0; i < 18; i++) {
    const other = address.slice()
    other[i] = (other[i] as number) ^ 1
    t.notOk(equalAddress(address, other))
  }
})
