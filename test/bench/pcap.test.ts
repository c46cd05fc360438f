import fc from 'fast-check'
import t from 'tap'
import { BenchError } from '../../bench/bench-error.js'
import { radioPackets } from '../../bench/pcap/direction.js'
import { parsePcap } from '../../bench/pcap/pcap.js'

interface Frame {
  seconds: number
  ticks: number
  frame: Uint8Array
  /** on the wire, if more than was captured */
  bytes?: number
}

function pcapFile(frames: readonly Frame[], linkType: number, { littleEndian = true, magic = 0xa1b2_c3d4 } = {}) {
  const file = new Uint8Array(24 + frames.reduce((sum, { frame }) => sum + 16 + frame.length, 0))
  const view = new DataView(file.buffer)
  const words = (at: number, ...values: number[]) =>
    values.forEach((value, index) => {
      view.setUint32(at + 4 * index, value, littleEndian)
    })
  words(0, magic)
  words(20, linkType)
  let at = 24
  for (const { seconds, ticks, frame, bytes } of frames) {
    words(at, seconds, ticks, frame.length, bytes ?? frame.length)
    file.set(frame, at + 16)
    at += 16 + frame.length
  }
  return file
}

function ipv4(source: string, destination: string, bytes = 40): Uint8Array {
  const packet = new Uint8Array(bytes)
  packet[0] = 0x45
  packet.set(source.split('.').map(Number), 12)
  packet.set(destination.split('.').map(Number), 16)
  return packet
}

function ipv6(sourceLast: number, destinationLast: number): Uint8Array {
  const packet = new Uint8Array(60)
  packet[0] = 0x60
  packet.set([0x20, 0x01, 0x0d, 0xb8], 8)
  packet[23] = sourceLast
  packet.set([0x20, 0x01, 0x0d, 0xb8], 24)
  packet[39] = destinationLast
  return packet
}

const headed = (header: number[], packet: Uint8Array) => new Uint8Array([...header, ...packet])
const ethernet = (packet: Uint8Array, etherType = [8, 0]) => headed([...new Array(12).fill(1), ...etherType], packet)
const cooked = (packetType: number, packet: Uint8Array) =>
  headed([0, packetType, ...new Array(12).fill(0), 8, 0], packet)
const cooked2 = (packetType: number, packet: Uint8Array) =>
  headed([8, 0, ...new Array(8).fill(0), packetType, ...new Array(9).fill(0)], packet)

const PHONE = '10.0.0.5'
const SERVER = '192.0.2.1'
const OTHER = '192.0.2.2'
const there = { seconds: 100, ticks: 250_000, frame: ethernet(ipv4(PHONE, SERVER)) }
const back = { seconds: 101, ticks: 0, frame: ethernet(ipv4(SERVER, PHONE, 90)) }
const elsewhere = { seconds: 102, ticks: 500_000, frame: ethernet(ipv4(PHONE, OTHER)), bytes: 1400 }

t.test('times, sizes and directions', async (t) => {
  const capture = parsePcap(pcapFile([there, back, elsewhere], 1))
  t.equal(capture.linkType.name, 'Ethernet')
  t.equal(capture.isTruncated, false)
  t.same(radioPackets(capture, null), [
    { atS: 0, bytes: 54, up: true },
    { atS: 0.75, bytes: 104, up: false },
    { atS: 2.25, bytes: 1400, up: true },
  ])
  t.same(
    radioPackets(capture, SERVER).map(({ up }) => up),
    [false, true, false],
  )
  t.throws(() => radioPackets(capture, '198.51.100.1'), /no frame of the capture has the address/)
})

t.test('both byte orders, micro- and nanoseconds, out of order', async (t) => {
  for (const littleEndian of [true, false]) {
    const micro = parsePcap(pcapFile([there, back], 1, { littleEndian }))
    t.same(
      micro.packets.map(({ atS }) => atS),
      [0, 0.75],
    )
    const nano = parsePcap(pcapFile([back, there], 1, { littleEndian, magic: 0xa1b2_3c4d }))
    t.same(
      nano.packets.map(({ atS }) => atS),
      [0, -0.99975],
    )
  }
})

t.test('link types', async (t) => {
  const way = (linkType: number, ...frames: Uint8Array[]) =>
    radioPackets(
      parsePcap(
        pcapFile(
          frames.map((frame) => ({ seconds: 0, ticks: 0, frame })),
          linkType,
        ),
      ),
      null,
    ).map(({ up }) => up)
  t.same(way(113, cooked(4, ipv4(PHONE, SERVER)), cooked(0, ipv4(SERVER, PHONE))), [true, false])
  t.same(way(276, cooked2(4, ipv4(PHONE, SERVER)), cooked2(0, ipv4(SERVER, PHONE))), [true, false])
  t.same(way(101, ipv4(PHONE, SERVER), ipv4(OTHER, PHONE)), [true, false])
  t.same(way(229, ipv6(1, 2), ipv6(3, 1)), [true, false])
  t.same(
    way(1, ethernet(ipv4(PHONE, SERVER), [0x81, 0, 0, 7, 8, 0]), ethernet(ipv4(OTHER, PHONE))),
    [true, false],
    'VLAN',
  )
  t.same(way(0, headed([2, 0, 0, 0], ipv4(PHONE, SERVER)), headed([2, 0, 0, 0], ipv4(OTHER, PHONE))), [true, false])
  const capture = parsePcap(pcapFile([{ seconds: 0, ticks: 0, frame: ipv6(1, 2) }], 101))
  t.equal(capture.packets[0]?.endpoints.source, '2001:db8::1')
  t.throws(() => parsePcap(pcapFile([there], 147)), /link type 147 is not known/)
  const arp = pcapFile([{ seconds: 0, ticks: 0, frame: ethernet(new Uint8Array(28), [8, 6]) }], 1)
  t.throws(() => radioPackets(parsePcap(arp), null), /no IP addresses/)
})

t.test('cut at every length: whole frames or a clear complaint', async (t) => {
  const file = pcapFile([there, back, elsewhere], 1)
  const ends = [24, 24 + 70, 24 + 70 + 120, file.length]
  for (let length = 0; length <= file.length; length++) {
    const cut = file.subarray(0, length)
    if (length < 24) {
      t.throws(() => parsePcap(cut), BenchError, `${length} B`)
      continue
    }
    const { packets, isTruncated } = parsePcap(cut)
    t.equal(packets.length, ends.filter((end) => end <= length).length - 1, `${length} B`)
    t.equal(isTruncated, !ends.includes(length), `${length} B`)
  }
})

t.test('garbage', async (t) => {
  t.throws(() => parsePcap(new Uint8Array(100)), /does not begin as a pcap file/)
  t.throws(() => parsePcap(new Uint8Array([0x0a, 0x0d, 0x0d, 0x0a, ...new Array(40).fill(0)])), /pcapng/)
  const absurd = pcapFile([there], 1)
  new DataView(absurd.buffer).setUint32(24 + 8, 0xffff_ffff, true)
  t.throws(() => parsePcap(absurd), /frame header at byte 24/)
  const orComplains = (file: Uint8Array) => {
    try {
      const capture = parsePcap(file)
      radioPackets(capture, null)
      return capture.packets.length * 16 <= file.length
    } catch (error) {
      return error instanceof BenchError
    }
  }
  const valid = pcapFile([there, back, elsewhere], 113)
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), orComplains))
  fc.assert(
    fc.property(fc.nat(valid.length - 1), fc.nat(7), (at, bit) => {
      const flipped = valid.slice()
      flipped[at]! ^= 1 << bit
      return orComplains(flipped)
    }),
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (rest) => orComplains(headed([...valid.subarray(0, 24)], rest))),
  )
})
