/** Constants, kinds, flags and codes of wire-spec, under the spec's names. A test compares them with its tables. */

export { TAG_BYTES } from '../crypto/crypto.js'

/** From device to server, or from server to device. wire-spec §1. */
export type Direction = 'd2s' | 's2d'

// wire-spec §14. The unit is in the name; no unit means a count.
export const VERSION_LABEL = 'pilotlight draft-1'
export const DATAGRAM_BYTES_MAX = 1200
export const MESSAGE1_BYTES = 120
export const MESSAGE1_COOKIE_BYTES = 136
export const MESSAGE2_BYTES = 67
export const COOKIE_REPLY_BYTES = 45
export const RESET_BYTES = 13
export const CID_BYTES = 5
export const RESET_TOKEN_BYTES = 12
export const BOOT_BYTES = 12
export const CHALLENGE_BYTES = 8
export const STAMP_AHEAD_MAX_MS = 300_000
export const COOKIE_SECRET_MS = 120_000
/** Packet numbers up to the highest that a receiver remembers. */
export const REPLAY_WINDOW = 64
/** A one-byte packet number is less than this above the last confirmed one. */
export const SHORT_NUMBER_DISTANCE = 64
export const GRACE_BASE_MS = 10_000
/** Grace grows by silence over this. */
export const GRACE_DIVISOR = 16
export const SILENCE_MAX_S = 1800
export const CHALLENGE_INTERVAL_MS = 1000
/** Bytes sent to an unproven address, at most, for each byte that came from it. */
export const UNPROVEN_FACTOR = 2
/** Resets in a second, at most, in all. */
export const RESET_RATE = 100
export const RESET_TRIGGER_BYTES_MIN = 22
export const ACK_DELAY_MS = 200
/** Pauses before the first, second and third repeat of an asking packet. */
export const ASK_RETRY_MS = [1000, 2000, 4000] as const
export const ASK_ROUND_END_MS = 8000
export const ASK_ROUND_PAUSE_MS = 15_000
export const ASK_ROUNDS = 3
/** Pauses before the repeats of a reliable frame; the last one again and again. */
export const RELIABLE_RETRY_MS = [1000, 2000, 4000, 8000] as const
/** Reliable frames that wait on a session. */
export const RELIABLE_MAX = 8
/** Longest delay that a PROBE may ask for. */
export const PROBE_DELAY_MAX_S = 1800
/** Probes of a session that are answered: one at once and one with a delay in this. */
export const PROBE_INTERVAL_MS = 1000
/** Reports of LEARNT without which HINT says nothing. */
export const HINT_REPORTS_MIN = 20
/** Of those who reported, so many percent learnt at least what HINT says. */
export const HINT_PERCENT = 90
export const HANDSHAKE_RETRY_MAX_MS = 600_000
export const RESET_PAUSE_MAX_MS = 5000
export const FRAMES_MAX = 64
export const ITEMS_MAX = 256
/** Levels of CBOR arrays. */
export const DEPTH_MAX = 4
export const LIST_PART_BYTES = 1024
export const LIST_PARTS_MAX = 32
export const LIST_ENTRIES_MAX = 256
export const MESSAGE_TEXT_BYTES_MAX = 128
export const REPLY_BYTES_MAX = 256

/** First byte of a datagram that is not a channel packet. wire-spec §3. */
export const Kind = {
  message1: 0x01,
  message1Cookie: 0x02,
  message2: 0x03,
  cookie: 0x04,
  reset: 0x05,
} as const

/** Bits of a channel packet's first byte. wire-spec §5.1. */
export const Flag = {
  channel: 0x80,
  long: 0x40,
  boot: 0x20,
  phase: 0x10,
  ask: 0x08,
  probe: 0x04,
  grease: 0x03,
} as const

/** Why message 2 refuses. wire-spec §4.3. */
export const RefusalCode = { clockAhead: 1, stampOld: 2, unknownDevice: 3, busy: 4 } as const

/** Codes of CLOSE. wire-spec §7.4. */
export const CloseCode = { bye: 0, protocolError: 1, deviceRemoved: 2, accountRemoved: 3, keyLimit: 4 } as const

/** What a VERDICT says. wire-spec §12.2. */
export const VerdictWhat = { accepted: 0, dismissed: 1, shown: 2, refused: 3 } as const

/** What an OUTCOME says. wire-spec §12.2. */
export const OutcomeWhat = { acceptedHere: 0, answeredElsewhere: 1, dismissedHere: 2, missed: 3, withdrawn: 4 } as const

/** Codes of LIST_RESULT. wire-spec §10. */
export const ListResultCode = { committed: 0, conflict: 1, applied: 2 } as const

/** Bits of STATE's flags. wire-spec §10. */
export const StateFlag = { noVisibility: 1 } as const

/** Number of each device state in PING. wire-spec §7.1. */
export const PingStateNumber = { active: 0, idle: 1, gone: 2 } as const

/** Seconds of silence of classes 0 to 14; class 15 is what the last SILENCE frame said. wire-spec §7.1. */
export const SILENCE_CLASS_S = [15, 20, 30, 45, 60, 90, 120, 180, 240, 360, 480, 720, 900, 1200, 1800] as const

/** Values of a one-byte frame: 3 states of 16 classes, or a packet number modulo this. wire-spec §7.1, §7.2. */
export const ONE_BYTE_VALUES = 48
