/** The NATS client protocol (docs.nats.io, "Client Protocol"). */
import type { Calls, Speech } from '../peer.js'
import { BODY_BYTES, body, TOKEN_LENGTH } from './body.js'

const END = '\r\n'
const CONNECT = `CONNECT ${JSON.stringify({ verbose: false, pedantic: false, tls_required: false, lang: 'bench', version: '1', protocol: 1 })}${END}`
const [PING, PONG] = [Buffer.from(`PING${END}`), Buffer.from(`PONG${END}`)]

const calls: Calls = {
  join: (client) => Buffer.concat([Buffer.from(`SUB ring.${pad(client)} 1${END}`), PING]),
  readyBytes: PONG.length,
  call: (device, token) => publish(`ring.${pad(device)}`, body(token)),
  answer: (_device, token) => publish(`ring.${pad(0)}`, Buffer.from(token)),
  read: (received) => {
    const end = Buffer.from(received.buffer, received.byteOffset, received.length).indexOf(END)
    if (end < 0) return null
    const line = Buffer.from(received.subarray(0, end)).toString('latin1')
    if (line === 'PING') return { bytes: end + 2, reply: PONG }
    if (!line.startsWith('MSG ')) return { bytes: end + 2 }
    const payloadBytes = Number(line.slice(line.lastIndexOf(' ') + 1))
    const bytes = end + 2 + payloadBytes + 2
    if (received.length < bytes) return null
    const token = Buffer.from(received.subarray(end + 2, end + 2 + TOKEN_LENGTH)).toString('latin1')
    return { bytes, ...(payloadBytes === BODY_BYTES ? { call: token } : { answer: token }) }
  },
}

export const nats: Speech = {
  name: 'nats',
  hello: () => Buffer.concat([Buffer.from(CONNECT), PING]),
  welcomeBytes: (received) => (received.length >= PONG.length ? PONG.length : 0),
  ping: PING,
  pong: PONG,
  // INFO, one line.
  prefaceBytes: (received) => {
    const at = Buffer.from(received).indexOf(END)
    return at < 0 ? 0 : at + END.length
  },
  calls,
}

function publish(subject: string, payload: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(`PUB ${subject} ${payload.length}${END}`), payload, Buffer.from(END)])
}

function pad(client: number): string {
  return String(client).padStart(7, '0')
}
