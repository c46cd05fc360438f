/** Our exchanges, each by the real code of both ends. */
import { nativeCrypto } from '../../../src/native/crypto-native.js'
import { Kind } from '../../../src/packet/constants.js'
import { type Exchange, exchangeOf, IPV4_UDP_BYTES } from './exchange.js'
import { type Datagram, House } from './house.js'

/** What the keys ask for, and each exchange. */
export interface OurWire {
  /** UDP payload, B */
  pingBytes: number
  pongBytes: number
  exchangeIpv4Bytes: number
  /** message 1 and message 2, B */
  handshakeBytes: [number, number]
  /** what the ack of a ring adds to the packet in which it rides, B */
  ackBytes: number
  resetBytes: number
  cookieBytes: number
  /** the largest answer to anything unauthenticated, as a share of its trigger */
  maxUnauthenticatedReplyRatio: number
  exchanges: Record<OurExchange, Exchange>
}

export type OurExchange =
  | 'connect'
  | 'ping'
  | 'ring'
  | 'resume'
  | 'addressChange'
  | 'addressChangeUnseen'
  | 'serverRestart'

/** A ping is due within so many seconds of silence: the keepalive interval and its jitter. */
const PING_S = 310
/** An exchange that a device begins is over, s. */
const SETTLED_S = 20
/** Enough for the server to ask for cookies. */
const FLOOD = 80
/** Sizes that packets of strangers are tried with, B. */
const TRIGGER_BYTES_MAX = 64

export async function measureOurs(seed: string): Promise<OurWire> {
  const house = new House(await nativeCrypto(), seed)
  const connect = house.during(house.startDevice, SETTLED_S)
  house.during(house.allow, 2 * PING_S)
  const ping = house.during(house.idle, PING_S)
  const ring = house.during(house.ring, SETTLED_S)
  house.during(house.idle, 2 * PING_S)
  // A device learns of a new mapping by its next ping: that ping is part of it.
  const addressChangeUnseen = house.during(house.rebind, PING_S)
  house.during(house.idle, 2 * PING_S)
  const addressChange = house.during(house.move, SETTLED_S)
  house.during(house.idle, 2 * PING_S)
  const resume = house.during(() => {
    house.killDevice()
    house.startDevice()
  }, SETTLED_S)
  house.during(house.idle, 2 * PING_S)
  const serverRestart = house.during(house.restartServer, PING_S)
  const [up, down] = [sizes(ping, true), sizes(ping, false)]
  const [pingBytes, pongBytes] = [up.at(-1)!, down.at(-1)!]
  const exchanges = { connect, ping, ring, resume, addressChange, addressChangeUnseen, serverRestart }
  return {
    pingBytes,
    pongBytes,
    exchangeIpv4Bytes: exchangeOf(ipPackets(ping.slice(-2))).bytes,
    handshakeBytes: [sizes(connect, true)[0]!, sizes(connect, false)[0]!],
    // The packet with the ack alone lacks the one byte of a PING.
    ackBytes: sizes(ring, true)[0]! - (pingBytes - 1),
    ...strangersCost(house),
    exchanges: {
      ...(Object.fromEntries(
        Object.entries(exchanges).map(([name, datagrams]) => [name, exchangeOf(ipPackets(datagrams))]),
      ) as Record<OurExchange, Exchange>),
      ping: exchangeOf(ipPackets(ping.slice(-2))),
    },
  }
}

/** What strangers get: a refusal, cookies under load, resets for dead connection IDs of any size. */
function strangersCost(house: House) {
  const answers: { trigger: number; answer: number; kind: number }[] = []
  const ask = (triggers: Uint8Array[]) => {
    const [first] = triggers
    for (const { bytes } of house.strangers(triggers)) {
      answers.push({ trigger: first!.length, answer: bytes.length, kind: bytes[0]! })
    }
  }
  ask([house.strangersMessage1()])
  ask(Array.from({ length: FLOOD }, () => house.strangersMessage1()))
  for (let bytes = 1; bytes <= TRIGGER_BYTES_MAX; bytes++) ask([house.deadPacket(bytes)])
  const sizeOf = (kind: number) => answers.find((one) => one.kind === kind)?.answer ?? 0
  return {
    resetBytes: sizeOf(Kind.reset),
    cookieBytes: sizeOf(Kind.cookie),
    maxUnauthenticatedReplyRatio: Math.max(...answers.map(({ trigger, answer }) => answer / trigger)),
  }
}

function sizes(datagrams: readonly Datagram[], up: boolean): number[] {
  return datagrams.filter((one) => one.up === up).map(({ bytes }) => bytes.length)
}

function ipPackets(datagrams: readonly Datagram[]) {
  return datagrams.map(({ up, bytes }) => ({ up, ipBytes: bytes.length + IPV4_UDP_BYTES }))
}
