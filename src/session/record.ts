/**
 * Byte map of a session at rest: one fixed-size record for each slot, in typed arrays, no JS object.
 * Fields of more than one byte are written in the machine's order: records never leave the process
 * (what does is `saved.ts`). The 8-byte fields are doubles at multiples of 8: packet numbers have
 * 48 bits and fit exactly.
 *
 * | offset | bytes | field | owner | content |
 * |---|---|---|---|---|
 * | 0 | 32 | root | keys | root key of the session, wire-spec §4.2 |
 * | 32 | 32 | receive key | keys | opens what the peer sends, §5.2 |
 * | 64 | 32 | send key | keys | seals what we send, §5.2 |
 * | 96 | 8 | send number | sender | number of our next packet, §5.4 |
 * | 104 | 8 | high | receiver | h, highest number opened under this key, -1 none |
 * | 112 | 8 | window | receiver | bitmap of the 64 numbers up to h: two 32-bit words, the newer 32 first, §5.5 |
 * | 120 | 12 | device boot value | keys | D, zero until one was sent, §5.3 |
 * | 132 | 18 | address | path | proven address: 16 B and port, §8.1; zero: none, its connection closed, §8.3 |
 * | 150 | 2 | flags | each its own | see `SessionFlag` |
 * | 152 | 4 + 2 | silent from | contact | eighths of a monotonic ms from which the promise of silence counts: of the last packet that took effect, or that to which RETRY_AFTER silenced the device, §7.4 |
 * | 158 | 2 | custom silence | contact | seconds of the last SILENCE frame, 0 none, §7 |
 * | 160 | 2 | rotation | endpoint | rotation count of the current connection ID, §13 |
 * | 162 | 2 | generation | endpoint | owner count of the slot |
 * | 164 | 2 | failed opens | receiver | packets that failed to open under this root, [R-5.2-2]; all ones: the number stands beside the slab |
 * | 166 | 2 | step second | step | monotonic s, modulo 65536, of the last step that was taken up (server), [R-5.6-7] |
 * | 168 | 4 | announced key | endpoint | first 4 B of the last SERVER_KEY that was acked, 0 none |
 * | 172 | 1 | confirmed | sender | packets from the highest number of ours that the peer has opened to our next; 0 none, or more than 255 |
 * | 173 | 1 | answer | sender | the same of the first answer to the last asking packet, [R-5.4-3] |
 * | 174 | 1 | ping value | contact | state * 16 + class of the last PING, §7.1 |
 * | 175 | 1 | epoch | step | steps since the handshake, modulo 256, §5.6 |
 *
 * Here a record of the server ends: 176 B. Its S is zero, or the boot value of the process (`SessionFlag.serverBoot`). The
 * record of a device goes on:
 *
 * | offset | bytes | field | owner | content |
 * |---|---|---|---|---|
 * | 176 | 12 | server boot value | keys | S, zero until one came, §5.3 |
 * | 188 | 5 | connection ID | device | current, §6 |
 * | 193 | 12 | reset token | device | of the current ID |
 * | 205 | 5 | spare ID | device | from the last NEW_CID |
 * | 210 | 12 | spare token | device | of the spare ID |
 * | 222 | 2 | (unused) | | |
 * | 224 | 8 | last high | receiver | h under the last receive key, [R-5.3-2] [R-5.6-5] |
 * | 232 | 8 | last window | receiver | of the last receive key |
 * | 240 | 32 | last receive key | keys | s2d key before D changed, [R-5.3-2], or before the root did, [R-5.6-5] |
 */

/** The two ends of a session. */
export type Role = 'device' | 'server'

/** Bytes of a record, by role. */
export const RECORD_BYTES: Readonly<Record<Role, number>> = { server: 176, device: 272 }

/** Offsets into a record, in bytes; see the map above. */
export const Offset = {
  root: 0,
  receiveKey: 32,
  sendKey: 64,
  sendNumber: 96,
  high: 104,
  window: 112,
  deviceBoot: 120,
  address: 132,
  flags: 150,
  silentFrom: 152,
  customSilence: 158,
  rotation: 160,
  generation: 162,
  failedOpens: 164,
  stepSecond: 166,
  announcedKey: 168,
  confirmedBehind: 172,
  answerBehind: 173,
  ping: 174,
  epoch: 175,
  serverBoot: 176,
  cid: 188,
  token: 193,
  spareCid: 205,
  spareToken: 210,
  lastHigh: 224,
  lastWindow: 232,
  lastReceiveKey: 240,
} as const

/** Bits of the flags field, 16 in all. */
export const SessionFlag = {
  /** The slot's owner is known (server); its generation and rotation count. */
  owned: 1,
  /** The owner was removed: handles of this generation are dead (server). */
  dead: 2,
  /** The record holds a session. */
  inUse: 4,
  /** The session was confirmed since this process started, wire-spec §8.2 (server). */
  confirmed: 8,
  /** Our packets carry our boot value, [R-5.3-1] and [R-5.3-5]. */
  bootPending: 16,
  /** Our next packet skips numbers, [R-5.4-5]. */
  skipPending: 32,
  /** The device acked the NEW_CID of the present spare (server). */
  spareKnown: 64,
  /** The hub was told `contact` and not `lost` since (server). */
  inContact: 128,
  /** The spare became the current ID, and the store has not said that it knows (server). */
  moveUncommitted: 256,
  /** The record holds a spare ID and token (device). */
  hasSpare: 512,
  /** S is our boot value; else it is zero (server). The bit of a flag that only devices have. */
  serverBoot: 512,
  /** The last receive key is still taken, [R-5.3-2] (device). */
  hasLastKey: 1024,
  /** Our next packet is LONG: the server sent BOOT, and may hold an older h. [R-5.4-2] (device). */
  longPending: 2048,
  /** The last receive key is of the root before this one, not only of another D. [R-5.6-5] (device). */
  lastRoot: 4096,
  /** A symmetric step was promised, or is being committed; the device was not heard under its root. (server). */
  stepPromised: 8192,
  /** Nothing was sent under the send key: its numbers begin at random, so that there is nothing to skip. [R-5.4-5] */
  unsent: 16_384,
  /** The receive key is not derived yet: the session was loaded and not heard since. (server). */
  keyPending: 32_768,
} as const
