/** MQTT 3.1.1 as a client speaks it (OASIS mqtt-v3.1.1-os). */
import type { Calls, Speech } from '../peer.js'
import { body, TOKEN_LENGTH } from './body.js'

const CONNECT = 0x10
const PUBLISH_QOS1 = 0x32
const PUBACK = 0x40
const SUBSCRIBE = 0x82
/** no keepalive: the harness decides when a client pings */
const KEEPALIVE_S = 0
const CLEAN_SESSION = 0x02
const CONNACK_BYTES = 4
const SUBACK_BYTES = 5

const calls: Calls = {
  join: (client) => packet(SUBSCRIBE, Buffer.concat([u16(1), text(topicOf(client)), Buffer.of(1)])),
  readyBytes: SUBACK_BYTES,
  call: (device, token) => publish(topicOf(device), body(token)),
  answer: (_device, token) => publish(topicOf(0), Buffer.from(token)),
  read: (received) => {
    const size = packetBytes(received)
    if (size === null || received.length < size) return null
    if ((received[0]! & 0xf0) !== 0x30) return { bytes: size }
    const headBytes = received[1]! < 128 ? 2 : 3
    const topicBytes = (received[headBytes]! << 8) | received[headBytes + 1]!
    const idAt = headBytes + 2 + topicBytes
    const token = Buffer.from(received.subarray(idAt + 2, idAt + 2 + TOKEN_LENGTH)).toString('latin1')
    const reply = packet(PUBACK, received.subarray(idAt, idAt + 2))
    const isAnswer = size === idAt + 2 + TOKEN_LENGTH
    return { bytes: size, reply, ...(isAnswer ? { answer: token } : { call: token }) }
  },
}

export const mqtt: Speech = {
  name: 'mqtt',
  hello: (client) =>
    packet(
      CONNECT,
      Buffer.concat([text('MQTT'), Buffer.of(4, CLEAN_SESSION), u16(KEEPALIVE_S), text(`device-${pad(client)}`)]),
    ),
  welcomeBytes: (received) => (received.length >= CONNACK_BYTES ? CONNACK_BYTES : 0),
  ping: Uint8Array.of(0xc0, 0),
  pong: Uint8Array.of(0xd0, 0),
  calls,
}

let packetId = 0

function publish(topic: string, payload: Uint8Array): Uint8Array {
  packetId = (packetId % 0xffff) + 1
  return packet(PUBLISH_QOS1, Buffer.concat([text(topic), u16(packetId), payload]))
}

function topicOf(client: number): string {
  return `ring/${pad(client)}`
}

/** All names have one length, so that all devices cost the same. */
function pad(client: number): string {
  return String(client).padStart(7, '0')
}

function packet(type: number, rest: Uint8Array): Buffer {
  const head =
    rest.length < 128 ? Buffer.of(type, rest.length) : Buffer.of(type, (rest.length & 127) | 128, rest.length >> 7)
  return Buffer.concat([head, rest])
}

/** Whole size of the packet that begins here; null while its head is not there. */
function packetBytes(received: Uint8Array): number | null {
  const [, low, high] = received
  if (low === undefined) return null
  if (low < 128) return 2 + low
  return high === undefined ? null : 3 + (low & 127) + (high << 7)
}

function text(value: string): Buffer {
  return Buffer.concat([u16(Buffer.byteLength(value)), Buffer.from(value)])
}

function u16(value: number): Buffer {
  return Buffer.of(value >> 8, value & 255)
}
