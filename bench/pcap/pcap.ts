/** Reads captures in the classic pcap format (IETF draft-ietf-opsawg-pcap), both byte orders, micro- and nanoseconds. */
import { BenchError } from '../bench-error.js'
import { type Endpoints, type LinkType, linkTypeOf, readEndpoints } from './link.js'
import { readSegment, type Segment } from './transport.js'

/** One captured frame. */
export interface CapturedPacket {
  /** s since the first frame; a capture may be out of order, then it may be negative */
  atS: number
  /** of the frame on the wire, its link header included */
  bytes: number
  endpoints: Endpoints
  /** null for what is neither TCP nor UDP */
  segment: Segment | null
}

/** A capture. */
export interface Capture {
  linkType: LinkType
  packets: CapturedPacket[]
  /** The file ends inside a frame, as when a capture was killed: that frame is left out. */
  isTruncated: boolean
}

const FILE_HEADER_BYTES = 24
const FRAME_HEADER_BYTES = 16
/** No capture has larger frames (libpcap's MAXIMUM_SNAPLEN is 262144). */
const FRAME_BYTES_MAX = 0x40_0000
const PCAPNG_MAGIC = 0x0a0d0d0a

/**
 * @param file the whole file.
 * @throws BenchError if it is no pcap file, of a link type that is not known, or broken.
 */
export function parsePcap(file: Uint8Array): Capture {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  if (file.length < FILE_HEADER_BYTES) throw broken('shorter than a file header')
  const { littleEndian, ticksPerSecond } = readMagic(view)
  const linkType = linkTypeOf(view.getUint32(20, littleEndian) & 0x0fff_ffff)
  const packets: CapturedPacket[] = []
  let first: { seconds: number; ticks: number } | null = null
  let at = FILE_HEADER_BYTES
  while (at + FRAME_HEADER_BYTES <= file.length) {
    const seconds = view.getUint32(at, littleEndian)
    const ticks = view.getUint32(at + 4, littleEndian)
    const capturedBytes = view.getUint32(at + 8, littleEndian)
    const bytes = view.getUint32(at + 12, littleEndian)
    if (ticks >= ticksPerSecond || capturedBytes > FRAME_BYTES_MAX || bytes > FRAME_BYTES_MAX) {
      throw broken(`the frame header at byte ${at} makes no sense`)
    }
    if (at + FRAME_HEADER_BYTES + capturedBytes > file.length) return { linkType, packets, isTruncated: true }
    at += FRAME_HEADER_BYTES
    first ??= { seconds, ticks }
    const frame = file.subarray(at, at + capturedBytes)
    packets.push({
      atS: seconds - first.seconds + (ticks - first.ticks) / ticksPerSecond,
      bytes,
      endpoints: readEndpoints(linkType, frame),
      segment: readSegment(linkType, frame),
    })
    at += capturedBytes
  }
  return { linkType, packets, isTruncated: at < file.length }
}

function readMagic(view: DataView): { littleEndian: boolean; ticksPerSecond: number } {
  if (view.getUint32(0) === PCAPNG_MAGIC) {
    throw broken('it is pcapng; convert it with `editcap -F pcap IN OUT`')
  }
  for (const littleEndian of [true, false]) {
    const magic = view.getUint32(0, littleEndian)
    if (magic === 0xa1b2_c3d4) return { littleEndian, ticksPerSecond: 1e6 }
    if (magic === 0xa1b2_3c4d) return { littleEndian, ticksPerSecond: 1e9 }
  }
  throw broken('it does not begin as a pcap file does')
}

function broken(what: string): BenchError {
  return new BenchError(`not a capture that can be read: ${what}`)
}
