import { ADDRESS_BYTES } from '../base/address.js'
import type { ServerFrame } from '../frame/frame.js'
import { encodeFrames } from '../frame/frame-codec.js'
import { pongByte } from '../frame/one-byte.js'
import { needsPadding } from '../frame/padding.js'
import { ONE_BYTE_VALUES } from '../packet/constants.js'
import { Offset } from '../session/record.js'
import type { OutgoingPacket, Sender } from '../session/sender.js'
import type { SessionView } from '../session/view.js'
import type { Counters } from './metrics.js'
import type { Outbox } from './outbox.js'

/** Seals frames into channel packets and puts them into the outbox. */
export class Outgoing {
  readonly #sender: Sender
  readonly #out: Outbox
  readonly #counters: Counters
  readonly #proven = new Uint8Array(ADDRESS_BYTES)
  readonly #pong = new Uint8Array(1)
  readonly #packet: OutgoingPacket = {
    plaintext: this.#pong,
    ask: false,
    retry: false,
    answers: false,
    padded: false,
  }

  constructor(core: { readonly sender: Sender; readonly out: Outbox; readonly counters: Counters }) {
    this.#sender = core.sender
    this.#out = core.out
    this.#counters = core.counters
  }

  /**
   * Seals one packet and sends none.
   *
   * @param frames a PONG, if any, first.
   * @returns the datagram; null when the session's packet numbers are used up.
   */
  seal(view: SessionView, frames: readonly ServerFrame[]): Uint8Array | null {
    const packet = this.#packet
    packet.plaintext = encodeFrames(frames, 's2d')
    packet.answers = frames[0]?.kind === 'pong'
    packet.padded = needsPadding(frames)
    return this.#sender.seal(view, packet)
  }

  /**
   * The PONG to a packet, which is all that most packets are answered with.
   *
   * @param number packet number that is answered.
   */
  sealPong(view: SessionView, number: number): Uint8Array | null {
    const packet = this.#packet
    this.#pong[0] = pongByte(number)
    packet.plaintext = this.#pong
    packet.answers = true
    packet.padded = false
    return this.#sender.seal(view, packet)
  }

  /**
   * The answer to a probe: PROBE and a PONG, at most 22 B. It is no answer to an asking packet. [R-9.4-3]
   *
   * @param number packet number of the probe.
   */
  sealProbePong(view: SessionView, number: number): Uint8Array | null {
    this.#pong[0] = pongByte(number)
    return this.#sender.seal(view, {
      plaintext: this.#pong,
      ask: false,
      retry: false,
      answers: false,
      probe: true,
      padded: false,
    })
  }

  /** Sends a datagram of `seal`; null is none. */
  transmit(datagram: Uint8Array | null, remote: Uint8Array): void {
    if (datagram === null) return
    this.#counters.packetsOut.channel++
    this.#out.transmit(datagram, remote)
  }

  /** Sends frames in one packet to the proven address; nothing where there is none. */
  toProven(view: SessionView, frames: readonly ServerFrame[]): void {
    if (view.hasPath) this.transmit(this.seal(view, frames), view.read(Offset.address, this.#proven))
  }
}

/** The PONG frame that answers a packet. wire-spec §7.2 */
export function pongTo(number: number): ServerFrame {
  return { kind: 'pong', residue: number % ONE_BYTE_VALUES }
}
