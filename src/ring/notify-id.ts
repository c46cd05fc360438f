import { readU16, writeU16, writeU48 } from '../base/bytes.js'
import type { Crypto } from '../crypto/crypto.js'

/** Ids below this are other frames: wire-spec §7. */
const ID_MIN = 256
const ID_SPAN = 65_536 - ID_MIN

/** How many ids a ring may try on one device before it waits for one to become free. */
export const NOTIFY_ID_TRIES = 8

/**
 * The id of a ring's NOTIFY on one device: `256 + MAC(seed, device (u48) || try (u16), 8) modulo 65,280`. Random to
 * anybody without the ring's seed, yet known after a restart: so a verdict that a device sends to the restarted server
 * finds its ring, and nothing has to be stored when a ring goes out.
 *
 * @param seed   16 B of the ring.
 * @param device handle.
 * @param tries  0 to `NOTIFY_ID_TRIES` - 1; the next one if an id is in use on the device.
 * @returns 256..65535.
 */
export function notifyId(crypto: Crypto, seed: Uint8Array, device: number, tries: number): number {
  const message = new Uint8Array(8)
  writeU48(message, 0, device)
  writeU16(message, 6, tries)
  // 16 bits modulo 65,280 would draw 256 of the ids twice as often; 64 bits do not, to any measure.
  const mac = crypto.mac(seed, message, 8)
  let folded = 0
  for (let at = 0; at < mac.length; at += 2) folded = (folded * 65_536 + readU16(mac, at)) % ID_SPAN
  return ID_MIN + folded
}
