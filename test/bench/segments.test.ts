/** TCP and UDP headers in captured frames. */
import fc from 'fast-check'
import t from 'tap'
import { linkTypeOf } from '../../bench/pcap/link.js'
import { readSegment, TcpFlag } from '../../bench/pcap/transport.js'

const RAW = linkTypeOf(101)
const u16 = (value: number) => [value >> 8, value & 255]

function ipv4(protocol: number, above: readonly number[], fragment = 0): Uint8Array {
  const head = [0x45, 0, ...u16(20 + above.length), 0, 0, ...u16(fragment), 64, protocol, 0, 0]
  return Uint8Array.of(...head, 127, 0, 0, 1, 127, 0, 0, 1, ...above)
}

const udp = (bytes: number) => [...u16(4000), ...u16(7350), ...u16(8 + bytes), 0, 0, ...new Array(bytes).fill(1)]
/** 12 B of options, as with timestamps. */
const tcp = (flags: number, bytes: number) => [
  ...u16(50_000),
  ...u16(8883),
  ...new Array(8).fill(0),
  8 << 4,
  flags,
  ...new Array(18).fill(0),
  ...new Array(bytes).fill(1),
]

t.test('UDP and TCP over IPv4', async (t) => {
  t.same(readSegment(RAW, ipv4(17, udp(24))), {
    protocol: 'udp',
    sourcePort: 4000,
    destinationPort: 7350,
    ipBytes: 52,
    payloadBytes: 24,
    flags: 0,
  })
  t.match(readSegment(RAW, ipv4(6, tcp(TcpFlag.ack, 24))), {
    protocol: 'tcp',
    sourcePort: 50_000,
    destinationPort: 8883,
    ipBytes: 76,
    payloadBytes: 24,
    flags: TcpFlag.ack,
  })
})

t.test('IPv6, and a frame that was captured in part', async (t) => {
  const above = udp(24)
  const packet = Uint8Array.of(0x60, 0, 0, 0, ...u16(above.length), 17, 64, ...new Array(32).fill(0), ...above)
  t.match(readSegment(RAW, packet), { ipBytes: 72, payloadBytes: 24 })
  t.match(readSegment(RAW, packet.subarray(0, 48)), { ipBytes: 72, payloadBytes: 24 })
})

t.test('what has no ports', async (t) => {
  t.equal(readSegment(RAW, ipv4(1, udp(8))), null, 'ICMP')
  t.equal(readSegment(RAW, ipv4(17, udp(8), 100)), null, 'a later fragment')
  t.equal(readSegment(RAW, ipv4(6, tcp(0, 0)).subarray(0, 30)), null, 'cut inside its header')
  t.equal(readSegment(linkTypeOf(1), new Uint8Array(60)), null, 'no IP')
})

t.test('any bytes are read or passed over', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.constantFrom(0, 1, 101, 113), (frame, type) => {
      const found = readSegment(linkTypeOf(type), frame)
      return found === null || found.payloadBytes >= 0
    }),
  )
})
