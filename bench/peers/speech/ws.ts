/** WebSocket frames of a client (RFC 6455). The mask is always the same: it hides nothing on a test machine. */
import type { Calls, Speech } from '../peer.js'
import { BODY_BYTES, body, TOKEN_LENGTH } from './body.js'

const MASK = Buffer.of(0x12, 0x34, 0x56, 0x78)
const [BINARY, PING, PONG] = [0x82, 0x89, 0x8a]
const END = '\r\n\r\n'

/** Messages are `device (7 digits) body`; the small server of the harness hands each to its device. */
const calls: Calls = {
  join: (client) => frame(BINARY, Buffer.from(`join ${pad(client)}`)),
  readyBytes: 2 + 'joined'.length,
  call: (device, token) => frame(BINARY, Buffer.concat([Buffer.from(pad(device)), body(token)])),
  answer: (_device, token) => frame(BINARY, Buffer.from(pad(0) + token)),
  read: (received) => {
    if (received.length < 2) return null
    const bytes = 2 + received[1]!
    if (received.length < bytes) return null
    if (received[0] !== BINARY) return { bytes }
    const token = Buffer.from(received.subarray(2, 2 + TOKEN_LENGTH)).toString('latin1')
    return { bytes, ...(bytes - 2 === BODY_BYTES ? { call: token } : { answer: token }) }
  },
}

export const ws: Speech = {
  name: 'ws',
  hello: () =>
    Buffer.from(
      [
        'GET / HTTP/1.1',
        'Host: localhost',
        'Upgrade: websocket',
        'Connection: Upgrade',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
        `Sec-WebSocket-Version: 13${END}`,
      ].join('\r\n'),
    ),
  welcomeBytes: (received) => {
    const at = Buffer.from(received).indexOf(END)
    return at < 0 ? 0 : at + END.length
  },
  ping: frame(PING, new Uint8Array(0)),
  pong: Uint8Array.of(PONG, 0),
  calls,
}

function frame(head: number, payload: Uint8Array): Uint8Array {
  const masked = payload.map((byte, index) => byte ^ MASK[index % 4]!)
  return Buffer.concat([Buffer.of(head, 0x80 | payload.length), MASK, masked])
}

function pad(client: number): string {
  return String(client).padStart(7, '0')
}
