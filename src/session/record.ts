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
 * | 96 | 12 | device boot value | keys | D, zero until one was sent, §5.3 |
 * | 108 | 12 | server boot value | keys | S, zero until one was sent, §5.3 |
 * | 120 | 8 | send number | sender | number of our next packet, §5.4 |
 * | 128 | 8 | confirmed number | sender | highest number of ours that the peer has opened, -1 none |
 * | 136 | 8 | answer number | sender | first answer to the last asking packet, -1 none, [R-5.4-3] |
 * | 144 | 8 | high | receiver | h, highest number opened under this key, -1 none |
 * | 152 | 8 | window | receiver | bitmap of the 64 numbers up to h: two 32-bit words, the newer 32 first, §5.5 |
 * | 160 | 8 | failed opens | receiver | packets that failed to open under this root, [R-5.2-2] |
 * | 168 | 8 | last heard | contact | monotonic ms of the last packet that took effect |
 * | 176 | 8 | quiet until | contact | monotonic ms to which RETRY_AFTER silenced the device, §7.4 |
 * | 184 | 18 | address | path | proven address: 16 B and port, §8.1; zero: none, its connection closed, §8.3 |
 * | 202 | 2 | rotation | endpoint | rotation count of the current connection ID, §13 |
 * | 204 | 2 | generation | endpoint | owner count of the slot |
 * | 206 | 2 | custom silence | contact | seconds of the last SILENCE frame, 0 none, §7 |
 * | 208 | 4 | flags | each its own | see `SessionFlag` |
 * | 212 | 1 | ping value | contact | state * 16 + class of the last PING, §7.1 |
 * | 213 | 1 | epoch | step | steps since the handshake, modulo 256, §5.6 |
 * | 214 | 2 | step second | step | monotonic s, modulo 65536, of the last step that was taken up (server), [R-5.6-7] |
 * | 216 | 4 | announced key | endpoint | first 4 B of the last SERVER_KEY that was acked, 0 none |
 * | 220 | 4 | (reserved) | | learnt interval |
 *
 * Here a record of the server ends: 224 B. That of a device goes on:
 *
 * | offset | bytes | field | owner | content |
 * |---|---|---|---|---|
 * | 224 | 5 | connection ID | device | current, §6 |
 * | 229 | 12 | reset token | device | of the current ID |
 * | 241 | 5 | spare ID | device | from the last NEW_CID |
 * | 246 | 12 | spare token | device | of the spare ID |
 * | 258 | 6 | (unused) | | |
 * | 264 | 8 | last high | receiver | h under the last receive key, [R-5.3-2] [R-5.6-5] |
 * | 272 | 8 | last window | receiver | of the last receive key |
 * | 280 | 32 | last receive key | keys | s2d key before D changed, [R-5.3-2], or before the root did, [R-5.6-5] |
 */

/** The two ends of a session. */
export type Role = 'device' | 'server'

/** Bytes of a record, by role. */
export const RECORD_BYTES: Readonly<Record<Role, number>> = { server: 224, device: 312 }

/** Offsets into a record, in bytes; see the map above. */
export const Offset = {
  root: 0,
  receiveKey: 32,
  sendKey: 64,
  deviceBoot: 96,
  serverBoot: 108,
  sendNumber: 120,
  confirmedNumber: 128,
  answerNumber: 136,
  high: 144,
  window: 152,
  failedOpens: 160,
  lastHeard: 168,
  quietUntil: 176,
  address: 184,
  rotation: 202,
  generation: 204,
  customSilence: 206,
  flags: 208,
  ping: 212,
  epoch: 213,
  stepSecond: 214,
  announcedKey: 216,
  cid: 224,
  token: 229,
  spareCid: 241,
  spareToken: 246,
  lastHigh: 264,
  lastWindow: 272,
  lastReceiveKey: 280,
} as const

/** Bits of the flags field. */
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
} as const
