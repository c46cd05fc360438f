/**
 * Weighs what the server sends against what came, address by address, as a victim of spoofing would: a datagram that could
 * not be authenticated is answered once and by at most 0.6 of it ([R-3-3]); to an address that was never proved goes at
 * most twice what came from it ([R-8.1-4]).
 */
import { Kind } from '../packet/constants.js'

/** wire-spec [R-3-3] */
const UNAUTHENTICATED_RATIO = 0.6
/** wire-spec [R-8.1-4] */
const UNPROVEN_RATIO = 2
/** Bytes of the sizes of unanswered datagrams that are remembered for an address. */
const TRIGGERS_MAX = 64

interface Weighed {
  /** bytes of datagrams that may still bring an answer without authentication, by kind */
  handshakes: number[]
  packets: number[]
  /** bytes of channel packets since the address was last proved */
  inBytes: number
  outBytes: number
}

export class AnswerMeter {
  readonly #fail: (what: string) => void
  readonly #addresses = new Map<string, Weighed>()

  constructor(fail: (what: string) => void) {
    this.#fail = fail
  }

  /** A datagram arrives at the server. */
  came(remote: string, bytes: Uint8Array): void {
    const weighed = this.#at(remote)
    const isChannel = ((bytes[0] ?? 0) & 0x80) !== 0
    const triggers = isChannel ? weighed.packets : weighed.handshakes
    triggers.push(bytes.length)
    if (triggers.length > TRIGGERS_MAX) triggers.shift()
    if (isChannel) weighed.inBytes += bytes.length
  }

  /**
   * A datagram leaves the server.
   *
   * @param isProven whether the address is, or was just now, the proven one of a session.
   */
  left(remote: string, bytes: Uint8Array, isProven: boolean): void {
    const weighed = this.#at(remote)
    if (((bytes[0] as number) & 0x80) === 0) {
      this.#answered(remote, bytes, bytes[0] === Kind.reset ? weighed.packets : weighed.handshakes)
      return
    }
    if (isProven) {
      weighed.inBytes = 0
      weighed.outBytes = 0
      return
    }
    weighed.outBytes += bytes.length
    if (weighed.outBytes > UNPROVEN_RATIO * weighed.inBytes)
      this.#fail(`${weighed.outBytes} B to ${remote}, which is not proven, for ${weighed.inBytes} B`)
  }

  /** The largest datagram that was not answered yet is the trigger. */
  #answered(remote: string, bytes: Uint8Array, triggers: number[]): void {
    const largest = Math.max(0, ...triggers)
    if (bytes.length > UNAUTHENTICATED_RATIO * largest)
      this.#fail(`${bytes.length} B of kind ${bytes[0]} to ${remote} for a datagram of ${largest} B`)
    triggers.splice(triggers.indexOf(largest), 1)
  }

  #at(remote: string): Weighed {
    const known = this.#addresses.get(remote)
    if (known !== undefined) return known
    const fresh = { handshakes: [], packets: [], inBytes: 0, outBytes: 0 }
    this.#addresses.set(remote, fresh)
    return fresh
  }
}
