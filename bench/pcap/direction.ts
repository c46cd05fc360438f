import { BenchError } from '../bench-error.js'
import type { RadioPacket } from '../models/radio.js'
import type { Capture } from './pcap.js'

/**
 * The packets of a capture as the device's radio met them. What the device sent is known from the capture where it says
 * so (Linux cooked), else from the device's address: the given one, or the one that most frames come from or go to.
 *
 * @param device address of the device, or null.
 * @throws BenchError if no frame has the address, or there is none to choose.
 */
export function radioPackets({ packets }: Capture, device: string | null): RadioPacket[] {
  if (device === null && packets.every(({ endpoints }) => endpoints.isOutgoing !== null)) {
    return packets.map(({ atS, bytes, endpoints }) => ({ atS, bytes, up: endpoints.isOutgoing === true }))
  }
  const framesByAddress = countAddresses(packets)
  const address = device ?? mostFrequent(framesByAddress)
  if (address === null) throw new BenchError('the capture has no IP addresses: which way its frames went is not known')
  if (!framesByAddress.has(address)) throw new BenchError(`no frame of the capture has the address ${address}`)
  return packets.map(({ atS, bytes, endpoints }) => ({ atS, bytes, up: endpoints.source === address }))
}

function countAddresses(packets: Capture['packets']): Map<string, number> {
  const frames = new Map<string, number>()
  for (const { endpoints } of packets) {
    for (const address of [endpoints.source, endpoints.destination]) {
      if (address !== null) frames.set(address, (frames.get(address) ?? 0) + 1)
    }
  }
  return frames
}

/** The first of those that come most often. */
function mostFrequent(framesByAddress: Map<string, number>): string | null {
  let [found, most]: [string | null, number] = [null, 0]
  for (const [address, frames] of framesByAddress) {
    if (frames > most) [found, most] = [address, frames]
  }
  return found
}
