/** A ping and a pong as long as ours, sealed under one key and one nonce that both ends have: for measuring alone. */
import { nobleCrypto } from '../../../src/crypto/noble.js'
import type { Speech } from '../peer.js'

export const FLOOR_KEY = new Uint8Array(32).fill(7)
export const FLOOR_NONCE = new Uint8Array(12)
/** Bytes before what is sealed: those of a ping and of a pong. wire-spec §5.1 */
export const PING_HEADER_BYTES = 7
export const PONG_HEADER_BYTES = 2

function sealed(headerBytes: number): Uint8Array {
  const header = new Uint8Array(headerBytes)
  return Buffer.concat([header, nobleCrypto.seal(FLOOR_KEY, FLOOR_NONCE, header, Uint8Array.of(1))])
}

export const floor: Speech = {
  name: 'floor',
  hello: () => new Uint8Array(0),
  welcomeBytes: () => 0,
  ping: sealed(PING_HEADER_BYTES),
  pong: sealed(PONG_HEADER_BYTES),
}
