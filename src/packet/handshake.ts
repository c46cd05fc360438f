/**
 * Byte layout of handshake messages 1 and 2 around the bytes that `noise/` makes. wire-spec §4.
 */
import { concat, equalBytes, readU48, writeU48 } from '../base/bytes.js'
import { ascii } from '../base/text.js'
import { type Crypto, KEY_BYTES } from '../crypto/crypto.js'
import {
  CID_BYTES,
  Kind,
  MESSAGE1_BYTES,
  MESSAGE1_COOKIE_BYTES,
  MESSAGE2_BYTES,
  RESET_TOKEN_BYTES,
  TAG_BYTES,
  VERSION_LABEL,
} from './constants.js'

/** Name of the Noise protocol. wire-spec §4. */
export const HANDSHAKE_PROTOCOL = 'Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s'

/** The Noise prologue of both sides. wire-spec §4. */
export const HANDSHAKE_PROLOGUE: Uint8Array = ascii(VERSION_LABEL)

/** Bytes of mac1 and of mac2. */
export const MAC_BYTES = 16

/** Bytes of message 1's payload before sealing: stamp (u48) and one PING byte. */
export const MESSAGE1_PAYLOAD_BYTES = 7

/** Bytes of message 2's payload before sealing. */
export const MESSAGE2_PAYLOAD_BYTES = 1 + CID_BYTES + RESET_TOKEN_BYTES

/** Bytes of the Noise message inside message 1: `e`, sealed `s`, sealed payload. */
export const MESSAGE1_NOISE_BYTES = 2 * KEY_BYTES + TAG_BYTES + MESSAGE1_PAYLOAD_BYTES + TAG_BYTES

/** Bytes of the Noise message inside message 2: `e`, sealed payload. */
export const MESSAGE2_NOISE_BYTES = KEY_BYTES + MESSAGE2_PAYLOAD_BYTES + TAG_BYTES

const MAC1_OFFSET = 1 + MESSAGE1_NOISE_BYTES
const ACCEPTED = 0
const REFUSED = 1

/**
 * The key of mac1. wire-spec §4.1.
 *
 * @param serverPublicKey 32 B, static.
 * @returns 32 B; kept by both sides.
 */
export function mac1Key(crypto: Crypto, serverPublicKey: Uint8Array): Uint8Array {
  return crypto.hash(concat(ascii(`${VERSION_LABEL} mac1`), serverPublicKey))
}

/**
 * Writes message 1 around a Noise message. wire-spec §4.1.
 *
 * @param key    of `mac1Key`.
 * @param noise  103 B: the first Noise message, with a payload of `writeMessage1Payload`.
 * @param cookie 16 B if the server asked for one, else null.
 * @returns the datagram: 120 B, or 136 B with a cookie.
 */
export function writeMessage1(
  crypto: Crypto,
  key: Uint8Array,
  noise: Uint8Array,
  cookie: Uint8Array | null,
): Uint8Array {
  const datagram = new Uint8Array(cookie === null ? MESSAGE1_BYTES : MESSAGE1_COOKIE_BYTES)
  datagram[0] = cookie === null ? Kind.message1 : Kind.message1Cookie
  datagram.set(noise, 1)
  datagram.set(crypto.mac(key, datagram.subarray(0, MAC1_OFFSET), MAC_BYTES), MAC1_OFFSET)
  if (cookie !== null) {
    datagram.set(crypto.mac(cookie, datagram.subarray(0, MESSAGE1_BYTES), MAC_BYTES), MESSAGE1_BYTES)
  }
  return datagram
}

/**
 * Whether mac1 verifies: the sender knows this public key of ours. To be asked before anything else. [R-4.1-1]
 *
 * @param key      of `mac1Key`.
 * @param datagram any bytes; only 120 or 136 B that start with `01` or `02` can be right.
 */
export function isMac1Valid(crypto: Crypto, key: Uint8Array, datagram: Uint8Array): boolean {
  const bytes = datagram[0] === Kind.message1 ? MESSAGE1_BYTES : MESSAGE1_COOKIE_BYTES
  if (datagram.length !== bytes || (datagram[0] !== Kind.message1 && datagram[0] !== Kind.message1Cookie)) return false
  return equalBytes(crypto.mac(key, datagram.subarray(0, MAC1_OFFSET), MAC_BYTES), mac1Of(datagram))
}

/** mac1 of a message 1 of the right length: 16 B, not copied. The cookie reply is bound to it. */
export function mac1Of(datagram: Uint8Array): Uint8Array {
  return datagram.subarray(MAC1_OFFSET, MAC1_OFFSET + MAC_BYTES)
}

/** The Noise message inside a message 1 of the right length: 103 B, not copied. */
export function noiseOfMessage1(datagram: Uint8Array): Uint8Array {
  return datagram.subarray(1, MAC1_OFFSET)
}

/** What a device says in message 1. */
export interface Message1Payload {
  /** Unix ms, grows with each message 1; u48 */
  stampMs: number
  /** any byte; the caller reads it as PING (`oneByteValue` in frame/) and drops message 1 if it is none */
  pingByte: number
}

/**
 * Writes message 1's payload.
 *
 * @param stampMs  u48.
 * @param pingByte the PING frame's one byte, of `pingByte`.
 * @returns 7 B.
 */
export function writeMessage1Payload(stampMs: number, pingByte: number): Uint8Array {
  const payload = new Uint8Array(MESSAGE1_PAYLOAD_BYTES)
  writeU48(payload, 0, stampMs)
  payload[6] = pingByte
  return payload
}

/**
 * Parses message 1's payload, already opened.
 *
 * @param payload any bytes.
 * @returns null if it has another length: drop it ('malformed').
 */
export function parseMessage1Payload(payload: Uint8Array): Message1Payload | null {
  if (payload.length !== MESSAGE1_PAYLOAD_BYTES) return null
  return { stampMs: readU48(payload, 0), pingByte: payload[6] as number }
}

/**
 * Writes message 2 around a Noise message. wire-spec §4.2.
 *
 * @param noise 66 B: the second Noise message, with a payload of `writeAcceptance` or `writeRefusal`.
 * @returns the datagram, 67 B.
 */
export function writeMessage2(noise: Uint8Array): Uint8Array {
  const datagram = new Uint8Array(MESSAGE2_BYTES)
  datagram[0] = Kind.message2
  datagram.set(noise, 1)
  return datagram
}

/** The Noise message inside a message 2 of the right length: 66 B, not copied. */
export function noiseOfMessage2(datagram: Uint8Array): Uint8Array {
  return datagram.subarray(1)
}

/** What a server says in message 2. Byte strings are borrowed from the payload. */
export type Message2Payload =
  | {
      kind: 'acceptance'
      /** 5 B */
      cid: Uint8Array
      /** 12 B */
      token: Uint8Array
    }
  | {
      kind: 'refusal'
      /** of `RefusalCode`; a later draft may have more */
      code: number
      /** u48: ms, stamp, 0 or seconds, as the code says. wire-spec §4.3 */
      value: number
    }

/**
 * Writes message 2's payload on acceptance.
 *
 * @param cid   5 B.
 * @param token 12 B.
 * @returns 18 B.
 */
export function writeAcceptance(cid: Uint8Array, token: Uint8Array): Uint8Array {
  return concat(new Uint8Array([ACCEPTED]), cid, token)
}

/**
 * Writes message 2's payload on refusal.
 *
 * @param code  of `RefusalCode`.
 * @param value u48, as wire-spec §4.3 says for the code.
 * @returns 18 B.
 */
export function writeRefusal(code: number, value: number): Uint8Array {
  const payload = new Uint8Array(MESSAGE2_PAYLOAD_BYTES)
  payload[0] = REFUSED
  payload[1] = code
  writeU48(payload, 2, value)
  return payload
}

/**
 * Parses message 2's payload, already opened.
 *
 * @param payload any bytes.
 * @returns null if it has another length or starts with neither 0 nor 1: drop it ('malformed').
 */
export function parseMessage2Payload(payload: Uint8Array): Message2Payload | null {
  if (payload.length !== MESSAGE2_PAYLOAD_BYTES) return null
  if (payload[0] === ACCEPTED) {
    const token = 1 + CID_BYTES
    return { kind: 'acceptance', cid: payload.subarray(1, token), token: payload.subarray(token) }
  }
  if (payload[0] !== REFUSED) return null
  return { kind: 'refusal', code: payload[1] as number, value: readU48(payload, 2) }
}
