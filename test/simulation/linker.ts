/** An observer who sees two networks and says which of two devices on the first is the one on the second. */
import type { Seen } from '../../src/sim/network.js'

/** Bytes at the start of a datagram that are not sealed, at most: flags, connection ID, boot value, packet number. */
const CLEAR_BYTES = { true: 22, false: 17 } as const
/** So many equal bytes in a row are no chance. */
const RUN = 4
const LONG = 0x40
const BOOT = 0x20

/** What was seen of one device on one network, in order. */
export type Trace = readonly Seen[]

/** How much two traces look alike: runs of equal bytes first, then number continuity, then flags and sizes. */
export function likeness(a: Trace, b: Trace): number {
  return sharedRuns(a, b) * 1000 + (isContinued(a, b) ? 1000 : 0) + flagLikeness(a, b) + sizeLikeness(a, b)
}

/** Runs of bytes in clear that are on both networks. What many devices share, as the server's boot value, helps nobody. */
function sharedRuns(a: Trace, b: Trace): number {
  const runs = runsOf(a)
  let shared = 0
  for (const run of runsOf(b)) if (runs.has(run)) shared++
  return shared
}

function runsOf(trace: Trace): Set<string> {
  const runs = new Set<string>()
  for (const { bytes, toServer } of trace) {
    const clear = bytes.subarray(1, Math.min(CLEAR_BYTES[`${toServer}`], bytes.length - 16))
    for (let at = 0; at + RUN <= clear.length; at++) runs.add(clear.subarray(at, at + RUN).join('.'))
  }
  return runs
}

/** Whether the second network goes on with the packet numbers of the first. */
function isContinued(a: Trace, b: Trace): boolean {
  return [true, false].some((toServer) => {
    const last = longNumbers(a, toServer).at(-1)
    const first = longNumbers(b, toServer)[0]
    return last !== undefined && first !== undefined && (first - last) >>> 0 < 2 ** 15
  })
}

function longNumbers(trace: Trace, toServer: boolean): number[] {
  const numbers: number[] = []
  for (const { bytes, toServer: isUp } of trace) {
    const flags = bytes[0]!
    if (isUp !== toServer || (flags & LONG) === 0 || (flags & 0x80) === 0) continue
    const at = 1 + (isUp ? 5 : 0) + ((flags & BOOT) === 0 ? 0 : 12)
    numbers.push(new DataView(bytes.buffer, bytes.byteOffset).getUint32(at))
  }
  return numbers
}

/** Bits of the first byte that one device, or the server towards it, seems to prefer: every bit of it. */
export function flagLikeness(a: Trace, b: Trace): number {
  let sum = 0
  for (const toServer of [true, false]) {
    for (let bit = 1; bit < 0x80; bit *= 2) {
      const share = (trace: Trace): number => {
        const packets = trace.filter(({ bytes, toServer: isUp }) => isUp === toServer && (bytes[0]! & 0x80) !== 0)
        return packets.filter(({ bytes }) => (bytes[0]! & bit) !== 0).length / Math.max(1, packets.length)
      }
      sum += 1 - Math.abs(share(a) - share(b))
    }
  }
  return sum
}

/** Sizes that both have. */
function sizeLikeness(a: Trace, b: Trace): number {
  const sizes = (trace: Trace): Set<string> =>
    new Set(trace.map(({ bytes, toServer }) => `${toServer} ${bytes.length}`))
  const first = sizes(a)
  let shared = 0
  for (const size of sizes(b)) if (first.has(size)) shared++
  return shared
}
