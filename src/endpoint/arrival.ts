import type { DeviceFrame } from '../frame/frame.js'
import { decodeFrames } from '../frame/frame-codec.js'
import { oneByteValue } from '../frame/one-byte.js'
import { PingStateNumber } from '../packet/constants.js'

/** What a packet that opened brought; the parts read it, only the receive path writes it. */
export interface Arrival {
  /** PING's v, 0..47, or -1 without PING. wire-spec §7.1 */
  ping: number
  /** All frames but PING; their byte strings belong to this packet. */
  frames: readonly DeviceFrame[]
  /** The packet's number. */
  number: number
  /** It is above all numbers opened before under its key. */
  isNewest: boolean
  /** An answer is asked for. */
  ask: boolean
  /** It is a probe: from the device's second socket, without effect on the session. wire-spec §9.4 */
  isProbe: boolean
  /** It carried a boot value. */
  hadBoot: boolean
  /** The boot value was a new D. */
  tookBoot: boolean
  /** It is the first packet under its key: it brought a new D, or ended a step. */
  isFirst: boolean
  /** Rotation of the connection ID that it came to. */
  rotation: number
  /** Bytes of the datagram. */
  bytes: number
  /** 18 B, where it came from. */
  remote: Uint8Array
}

const NO_FRAMES: readonly DeviceFrame[] = []

/** Silence classes of each state in PING's v. wire-spec §7.1 */
const CLASSES = 16

/** An arrival to be filled. */
export function emptyArrival(): Arrival {
  return {
    ping: -1,
    frames: NO_FRAMES,
    number: 0,
    isNewest: false,
    ask: false,
    isProbe: false,
    hadBoot: false,
    tookBoot: false,
    isFirst: false,
    rotation: 0,
    bytes: 0,
    remote: new Uint8Array(0),
  }
}

/**
 * Reads the frames of a packet into its arrival. A packet of one PING takes no frame objects.
 *
 * @param plaintext any bytes.
 * @returns false if they break the frame rules. [R-7-2]
 */
export function readFrames(arrival: Arrival, plaintext: Uint8Array): boolean {
  arrival.frames = NO_FRAMES
  arrival.ping = plaintext.length === 1 ? oneByteValue(plaintext[0] as number) : -1
  if (arrival.ping >= 0) return !arrival.isProbe
  const frames = decodeFrames(plaintext, 'd2s')
  if (frames === null) return false
  const [first] = frames
  if (first?.kind === 'ping') arrival.ping = PingStateNumber[first.state] * CLASSES + first.silenceClass
  arrival.frames = frames
  // A probe holds its PROBE and nothing else that we know; no other packet holds one. [R-9.4-1]
  return arrival.isProbe ? frames.length === 1 && first?.kind === 'probe' : frames.every(({ kind }) => kind !== 'probe')
}
