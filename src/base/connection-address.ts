/**
 * Addresses of connections: the 18 bytes that stand for a WebSocket wherever a datagram has an address, so that path
 * proof, limits and stored sessions treat it as any other. wire-spec §8.3
 *
 * | offset | bytes | content |
 * |---|---|---|
 * | 0 | 2 | `01ff`: in 0100::/8, which RFC 4291 §2.4 reserves and nobody has; a UDP datagram from there is a lie |
 * | 2 | 6 | tag of the client's IP address: limits count the first 8 bytes, so a client's connections count as one |
 * | 8 | 8 | number of the connection, never given twice in a process |
 * | 16 | 2 | port 1: an address with port 0 is none |
 */
import { ADDRESS_BYTES } from './address.js'
import { readU32, writeU16, writeU32 } from './bytes.js'

/** Bytes of a client's tag. */
export const CLIENT_TAG_BYTES = 6

const MARK_HIGH = 0x01
const MARK_LOW = 0xff
const TAG_OFFSET = 2
const NUMBER_OFFSET = 8
const PORT_OFFSET = 16
const PORT = 1
const TWO_32 = 2 ** 32

/**
 * Makes the address of a connection.
 *
 * @param clientTag 6 B, the same for all that limits count as one client.
 * @param number    0..2^53 - 1.
 * @returns 18 B, fresh.
 */
export function connectionAddress(clientTag: Uint8Array, number: number): Uint8Array {
  const address = new Uint8Array(ADDRESS_BYTES)
  address[0] = MARK_HIGH
  address[1] = MARK_LOW
  address.set(clientTag.subarray(0, CLIENT_TAG_BYTES), TAG_OFFSET)
  writeU32(address, NUMBER_OFFSET, Math.floor(number / TWO_32))
  writeU32(address, NUMBER_OFFSET + 4, number % TWO_32)
  writeU16(address, PORT_OFFSET, PORT)
  return address
}

/** Whether an address is that of a connection. */
export function isConnectionAddress(address: Uint8Array): boolean {
  return address[0] === MARK_HIGH && address[1] === MARK_LOW
}

/** The number of the connection that an address stands for. */
export function connectionOf(address: Uint8Array): number {
  return readU32(address, NUMBER_OFFSET) * TWO_32 + readU32(address, NUMBER_OFFSET + 4)
}
