/** Seals packets of a session: wire-spec §5. Owns the send, confirmed and answer numbers. */
import { assert } from '../base/assert.js'
import { KEY_BYTES } from '../crypto/crypto.js'
import { padTo } from '../frame/padding.js'
import { BOOT_BYTES, CID_BYTES, DATAGRAM_BYTES_MAX, TAG_BYTES } from '../packet/constants.js'
import { type HeaderFields, writeHeader } from '../packet/header.js'
import { isShortAllowed, NO_NUMBER, NUMBER_MAX, NUMBER_RANDOM_BYTES, skipNumber } from '../packet/packet-number.js'
import { sealPacket } from '../packet/protection.js'
import type { SessionContext } from './context.js'
import { changeServerBoot, takeDeviceBoot } from './keys.js'
import { Offset, SessionFlag } from './record.js'
import type { SessionView } from './view.js'

/** What goes into a packet. The object may be used again. */
export interface OutgoingPacket {
  /** Encoded frames, 0 B or more. */
  plaintext: Uint8Array
  /** Device: an answer is asked for. Server: false. */
  ask: boolean
  /** Device: an earlier asking packet is unanswered, so this one carries BOOT. [R-5.3-2]. Server: false. */
  retry: boolean
  /** Server: a PONG is in it, so it may be the first answer to the last asking packet. Device: false. */
  answers: boolean
  /** Whether PROBE is set; it must then carry neither ASK nor BOOT. Default false. wire-spec §9.4 */
  probe?: boolean
  /** Whether it is padded to 128, 256, 512 or 1200 B. wire-spec [R-7-6] */
  padded: boolean
}

/** Makes datagrams of any session of one slab. */
export class Sender {
  readonly #context: SessionContext
  // Used again for each packet: a send key, GREASE, and the fields of the header.
  readonly #key = new Uint8Array(KEY_BYTES)
  readonly #grease = new Uint8Array(1)
  readonly #cid = new Uint8Array(CID_BYTES)
  readonly #fields: HeaderFields = {
    cid: null,
    boot: null,
    long: true,
    ask: false,
    probe: false,
    number: 0,
    grease: 0,
  }
  #number = NO_NUMBER

  constructor(context: SessionContext) {
    this.#context = context
  }

  /** Number of the packet that was sealed last. */
  get number(): number {
    return this.#number
  }

  /**
   * Seals the next packet of the session. Chooses one or four bytes of packet number, BOOT and GREASE; a boot
   * value that is due changes the key first; a skip that is due is made.
   *
   * @param view   at the session.
   * @param packet what goes in.
   * @returns the datagram, at most 1200 B, fresh; null when the packet numbers of this key are used up: the session
   *   must end.
   */
  seal(view: SessionView, packet: OutgoingPacket): Uint8Array | null {
    const { random, crypto } = this.#context
    const boot = this.#boot(view, packet)
    if (view.has(SessionFlag.skipPending)) {
      view.lower(SessionFlag.skipPending)
      // The peer takes the first number under a key as it stands in the header, and a skip may leave its 32 bits.
      if (!view.has(SessionFlag.unsent))
        view.sendNumber = skipNumber(view.sendNumber, random.fill(new Uint8Array(NUMBER_RANDOM_BYTES)))
    }
    const number = view.sendNumber
    if (number > NUMBER_MAX) return null
    view.sendNumber = number + 1
    view.lower(SessionFlag.unsent)
    this.#number = number
    if (packet.answers && view.answerNumber === NO_NUMBER) view.answerNumber = number

    const fields = this.#fields
    fields.cid = view.role === 'device' ? view.read(Offset.cid, this.#cid) : null
    fields.boot = boot ? this.#context.boot : null
    fields.long = boot || view.has(SessionFlag.longPending) || !isShortAllowed(number, view.confirmedNumber)
    view.lower(SessionFlag.longPending)
    fields.ask = packet.ask
    fields.probe = packet.probe ?? false
    fields.number = number
    fields.grease = random.fill(this.#grease)[0] as number
    const header = writeHeader(fields)
    const plaintext = packet.padded ? padTo(header.length, packet.plaintext) : packet.plaintext
    assert(header.length + plaintext.length + TAG_BYTES <= DATAGRAM_BYTES_MAX, 'a packet fits into a datagram')
    const datagram = sealPacket(crypto, view.read(Offset.sendKey, this.#key), header, number, plaintext)
    this.#context.observer?.onPacket(view, {
      isSent: true,
      datagram,
      headerBytes: header.length,
      number,
      plaintext,
      key: this.#key,
      isLastKey: false,
    })
    this.#key.fill(0)
    return datagram
  }

  /** Whether this packet carries our boot value, which then is D or S. [R-5.3-1] [R-5.3-2] [R-5.3-5] */
  #boot(view: SessionView, packet: OutgoingPacket): boolean {
    if (view.role === 'device') {
      const isSent = (packet.ask && packet.retry) || view.has(SessionFlag.bootPending)
      if (isSent) takeDeviceBoot(view, this.#context)
      return isSent
    }
    if (view.confirmed && !view.has(SessionFlag.bootPending)) return false
    if (!view.has(SessionFlag.serverBoot)) changeServerBoot(view, this.#context, this.#context.boot)
    return true
  }
}

/**
 * Device: the peer has opened our packet `number`, as a PONG said. [R-5.4-3]
 *
 * @param number of an asking packet under the present key.
 */
export function confirmNumber(view: SessionView, number: number): void {
  if (number > view.confirmedNumber) view.confirmedNumber = number
}

/**
 * Server: an asking packet came, newer than all before. Without BOOT it says that the first answer to the asking
 * packet before it was opened. [R-5.4-3]
 *
 * @param boot whether it carried BOOT.
 */
export function noteAsk(view: SessionView, boot: boolean): void {
  if (!boot) confirmNumber(view, view.answerNumber)
  view.answerNumber = NO_NUMBER
}

/** Bytes of plaintext that fit into one datagram, whatever its header. wire-spec §5.1 */
export function plaintextBytesMax(role: 'device' | 'server'): number {
  const cidBytes = role === 'device' ? CID_BYTES : 0
  return DATAGRAM_BYTES_MAX - 1 - cidBytes - BOOT_BYTES - 4 - TAG_BYTES
}
