/** What each channel puts on the wire: IP packets with all headers, without the link layer; bytes with their sources. */

import { encodeFrames } from '../../../../src/frame/frame-codec.js'
import { padTo } from '../../../../src/frame/padding.js'
import { TAG_BYTES } from '../../../../src/packet/constants.js'
import { CHANNEL_BYTES_MIN } from '../../../../src/packet/header.js'
import { ACTIVITIES, ACTIVITY_PACKETS, type Activity, type ActivityPackets } from '../../keepalive/activity.js'
import type { Transport } from '../../keepalive/policy.js'

/** One IP packet: positive goes up, negative comes down, in bytes. */
type Packet = number

/** One channel on one transport. */
export interface Wire {
  /** keepalive and its answer, with acknowledgements of TCP */
  exchange: readonly Packet[]
  /** from nothing until messages can come; UDP channels have their session from before the life, and keep it */
  connect: { roundTrips: number; upBytes: number; downBytes: number }
  /** a ring with RING_TEXT_BYTES, and its acknowledgement */
  ring: readonly Packet[]
  /** UDP: beside the exchange, when the server sees another address */
  moveBytes: number
  source: string
}

/** Text of each ring. */
export const RING_TEXT_BYTES = 64

const UDP_IP_BYTES = 28
/** with timestamps, as measured */
const TCP_IP_BYTES = 52
/** record header, content type, tag */
const TLS_BYTES = 22
const ROUND_TRIP_S = 0.2
/** a delayed acknowledgement of TCP */
const LATE_S = 0.04

const tls = (payloadBytes: number) => TCP_IP_BYTES + TLS_BYTES + payloadBytes
const MEASURED = 'captured on loopback, TLS 1.3, TCP timestamps: peers-measured.md 4'

/** Ours, by encoding. */
const OUR_PING = CHANNEL_BYTES_MIN.d2s + encodeFrames([{ kind: 'ping', state: 'idle', silenceClass: 5 }], 'd2s').length
const OUR_PONG = CHANNEL_BYTES_MIN.s2d + encodeFrames([{ kind: 'pong', residue: 5 }], 's2d').length
const OUR_ACK = CHANNEL_BYTES_MIN.d2s + encodeFrames([{ kind: 'ack', id: 300 }], 'd2s').length
const OUR_NOTIFY = notifyBytes()
/** header of a masked binary message, and of one from the server, up to 125 B and above */
const masked = (bytes: number) => bytes + (bytes > 125 ? 8 : 6)
const plain = (bytes: number) => bytes + (bytes > 125 ? 4 : 2)

export const WIRES = {
  oursUdp: {
    exchange: [OUR_PING + UDP_IP_BYTES, -(OUR_PONG + UDP_IP_BYTES)],
    connect: { roundTrips: 1, upBytes: 0, downBytes: 0 },
    ring: [-(OUR_NOTIFY + UDP_IP_BYTES), OUR_ACK + UDP_IP_BYTES],
    // CHALLENGE in the pong and RESPONSE in a packet of its own: 9 B and a packet of 7 + 9 + 16 B
    moveBytes: 9 + CHANNEL_BYTES_MIN.d2s + 9 + UDP_IP_BYTES,
    source:
      'encoded by src/frame; NOTIFY is padded; the session is there from enrolment, one handshake a month at most',
  },
  oursTcp: {
    exchange: [tls(masked(OUR_PING)), -tls(plain(OUR_PONG)), TCP_IP_BYTES],
    connect: { roundTrips: 3, upBytes: 937 + tls(masked(OUR_PING)), downBytes: 1778 + tls(plain(OUR_PONG)) },
    ring: [-tls(plain(OUR_NOTIFY)), tls(masked(OUR_ACK)), -TCP_IP_BYTES],
    moveBytes: 0,
    source: `the same datagrams as WebSocket messages; connecting as wss, ${MEASURED}, and one ping`,
  },
  mqtt: {
    exchange: [76, -76, 52],
    connect: { roundTrips: 3, upBytes: 863, downBytes: 1612 },
    // PUBLISH QoS 1 to a topic of 16 B, then PUBACK
    ring: [-tls(2 + 2 + 16 + 2 + RING_TEXT_BYTES), tls(4), -TCP_IP_BYTES],
    moveBytes: 0,
    source: `mosquitto, ${MEASURED}; ring: by MQTT 3.1.1's formats`,
  },
  websocket: {
    exchange: [80, -76, 52],
    connect: { roundTrips: 3, upBytes: 937, downBytes: 1778 },
    ring: [-tls(plain(RING_TEXT_BYTES + 16)), tls(masked(16)), -TCP_IP_BYTES],
    moveBytes: 0,
    source: `ws, ${MEASURED}; ring: a message with 16 B beside the text, and one of 16 B back (assumption)`,
  },
  xmpp: {
    exchange: [146, -194, 52],
    connect: { roundTrips: 7, upBytes: 1519, downBytes: 2651 },
    ring: [-tls(RING_TEXT_BYTES + 150), tls(150), -TCP_IP_BYTES],
    moveBytes: 0,
    source: `ejabberd, XEP-0199, ${MEASURED}; ring: <message/> of 150 B beside the text, XEP-0184 receipt of 150 B (assumption)`,
  },
  quic: {
    exchange: [57, -51],
    connect: { roundTrips: 1, upBytes: 2 * 1228, downBytes: 1228 },
    ring: [-(UDP_IP_BYTES + 18 + 4 + RING_TEXT_BYTES), 57],
    // PATH_CHALLENGE and PATH_RESPONSE in datagrams of 1200 B
    moveBytes: 2 * 1228,
    source:
      'by formula: RFC 9000, 9001, connection id of 8 B upwards: protocol-anchors.md 1 and 2; 0-RTT would have the same bytes',
  },
  coap: {
    exchange: [64, -57],
    connect: { roundTrips: 3, upBytes: 579, downBytes: 579 },
    // an observation, confirmable, and its ACK
    ring: [-(UDP_IP_BYTES + 29 + 16 + RING_TEXT_BYTES), UDP_IP_BYTES + 36 + 4],
    moveBytes: 0,
    source:
      'by formula: RFC 9146, connection id of 6 B: protocol-anchors.md 1; handshake as libcoap with PSK without CID, half each way',
  },
  fcm: {
    exchange: [tls(6), -tls(6), 52],
    connect: { roundTrips: 3, upBytes: 863, downBytes: 1612 },
    ring: [-tls(RING_TEXT_BYTES + 150), tls(8), -TCP_IP_BYTES],
    moveBytes: 0,
    source:
      'assumption: heartbeats of 6 B in TLS, connecting as MQTT, 150 B beside the text; no capture of FCM is published',
  },
  simplePush: {
    exchange: [82, -78, 52],
    connect: { roundTrips: 4, upBytes: 937 + tls(150), downBytes: 1778 + tls(150) },
    ring: [-tls(plain(120)), tls(masked(90)), -TCP_IP_BYTES],
    moveBytes: 0,
    source:
      'by formula: protocol-anchors.md 1; hello of 150 B each way (assumption). A notification has no text: fetching it is not counted',
  },
} as const satisfies Record<string, Wire>

/** Without padding a NOTIFY with this text would fit into less: 128, 256 or 512 B tell nobody what it is. */
function notifyBytes(): number {
  const frame = encodeFrames(
    [
      {
        kind: 'notify',
        id: 300,
        ring: new Uint8Array(16),
        app: new Uint8Array(8),
        rotation: 1_800_000_000,
        deadlineMs: 1_800_000_000_000,
        title: 'x'.repeat(RING_TEXT_BYTES),
        body: '',
        url: '',
        payload: new Uint8Array(0),
      },
    ],
    's2d',
  )
  const headerBytes = CHANNEL_BYTES_MIN.s2d - TAG_BYTES
  return headerBytes + padTo(headerBytes, frame).length + TAG_BYTES
}

/** The packets of each activity as a radio meets them. */
export function packetsOf(wire: Wire, connect = wire.connect): ActivityPackets {
  const up = Math.abs(wire.exchange[0]!)
  return {
    other: ACTIVITY_PACKETS.other,
    ping: [{ atS: 0, bytes: up, up: true }],
    exchange: inTime(wire.exchange),
    retries: ACTIVITY_PACKETS.retries.map((packet) => ({ ...packet, bytes: up })),
    connect: talk(connect),
    ring: inTime(wire.ring),
  }
}

/** Bytes of one activity, both directions. */
export function activityBytes(wire: Wire, activity: Activity): number {
  if (activity === 'connect') return wire.connect.upBytes + wire.connect.downBytes
  return packetsOf(wire)[activity].reduce((sum, { bytes }) => sum + bytes, 0)
}

/** All bytes of a life. */
export function bytesOf(
  wires: Partial<Record<Transport, Wire>>,
  sent: Record<Transport, readonly number[]>,
  moves: number,
): number {
  let sum = moves * (wires.udp?.moveBytes ?? 0)
  for (const transport of ['udp', 'tcp'] as const) {
    const wire = wires[transport]
    for (const [index, count] of sent[transport].entries()) {
      if (count > 0) sum += count * activityBytes(wire!, ACTIVITIES[index]!)
    }
  }
  return sum
}

/** An answer comes after a round trip, an acknowledgement of TCP late; of a ring, the device's answer soon. */
function inTime(packets: readonly Packet[]) {
  const delaysS = packets[0]! > 0 ? [0, ROUND_TRIP_S, ROUND_TRIP_S + LATE_S] : [0, 0.05, 0.05 + ROUND_TRIP_S]
  return packets.map((bytes, index) => ({ atS: delaysS[index]!, bytes: Math.abs(bytes), up: bytes > 0 }))
}

/** SYN and SYN-ACK, then what is left in equal parts. */
function talk({ roundTrips, upBytes, downBytes }: Wire['connect']) {
  return Array.from({ length: roundTrips }, (_, trip) => {
    const part = (bytes: number) => Math.max(60, trip === 0 ? 60 : (bytes - 60) / Math.max(1, roundTrips - 1))
    return [
      { atS: trip * (ROUND_TRIP_S + 0.01), bytes: part(upBytes), up: true },
      { atS: trip * (ROUND_TRIP_S + 0.01) + ROUND_TRIP_S, bytes: part(downBytes), up: false },
    ]
  }).flat()
}
