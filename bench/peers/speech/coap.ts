/** CoAP over datagrams (RFC 7252). */
import type { Speech } from '../peer.js'

/**
 * A ping is a GET of what is not there, answered with 4.04: libcoap answers an empty message (the ping of RFC 7252
 * section 4.3) at most four times a second in each session. `wire` measures the empty message.
 */
const GET_NOTHING = Uint8Array.of(0x40, 0x01, 0, 1, 0xb1, 0x7a)
const NOT_FOUND = Buffer.concat([Buffer.of(0x60, 0x84, 0, 1, 0xff), Buffer.from('Not Found')])

export const coap: Speech = {
  name: 'coap',
  hello: () => new Uint8Array(0),
  welcomeBytes: () => 0,
  ping: GET_NOTHING,
  pong: NOT_FOUND,
}

/** The ping of RFC 7252 section 4.3: an empty confirmable message, answered by a reset. */
export const EMPTY_PING = Uint8Array.of(0x40, 0, 0, 2)
