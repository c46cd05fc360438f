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
/** A handshake waits so long for its first packet: three rounds of asking and their pauses, wire-spec §9.2. */
export const PENDING_HANDSHAKE_MS = 120_000
export const COOKIE_SECRET_MS = 120_000
/** Packet numbers up to the highest that a receiver remembers. */
export const REPLAY_WINDOW = 64
/** A one-byte packet number is less than this above the last confirmed one. */
export const SHORT_NUMBER_DISTANCE = 64
export const GRACE_BASE_MS = 10_000
/** Grace grows by silence over this. */
export const GRACE_DIVISOR = 16
export const SILENCE_MAX_S = 1800
/** What class 15 means before the first SILENCE. */
export const SILENCE_DEFAULT_S = 1800
/** Keepalive interval where the host sets none. */
export const KEEPALIVE_S = 30
/** Thresholds until the device sends its own; 0 never. */
export const AWAY_AFTER_S = 300
export const OFFLINE_AFTER_S = 0
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
/** A symmetric step is due so long after the last step of any kind. */
export const STEP_INTERVAL_MS = 3_600_000
/** A symmetric step is due after so many packets under one root, of both directions together. */
export const STEP_PACKETS = 65_536
/** A step with a key is due so long after the last one, or after the handshake. */
export const KEY_STEP_INTERVAL_MS = 86_400_000
/** Steps that a server takes up for one session in a second of its clock. */
export const STEP_RATE = 1
/** Packets that failed to open under one root, after which a step with a key is wanted. */
export const FAILED_OPENS_STEP = 2 ** 32
export const RETRY_AFTER_MAX_S = 3600
/** Bounds of the server's clock further apart than this are made better by a SYNC. */
export const CLOCK_WIDTH_MAX_MS = 2000
/** A verdict is repeated until the deadline has passed by this. */
export const VERDICT_AFTER_DEADLINE_MS = 10_000
/** `app` of a ring of the server itself, in hexadecimal digits: no application has it. wire-spec §12.2 */
export const SERVER_APP = '0000000000000000'
/** A request for the list key is kept so long; then the device makes a new one. */
export const KEY_REQUEST_MS = 900_000
/** Longest delay that a PROBE may ask for. */
export const PROBE_DELAY_MAX_S = 1800
/** Probes of a session that are answered: one at once and one with a delay in this. */
export const PROBE_INTERVAL_MS = 1000
/** Reports of LEARNT without which HINT says nothing. */
export const HINT_REPORTS_MIN = 20
/** Of those who reported, so many percent learnt at least what HINT says. */
export const HINT_PERCENT = 90
export const HANDSHAKE_RETRY_MAX_MS = 600_000
/** Each pause between messages 1 is times a random factor between these. */
export const HANDSHAKE_RETRY_FACTOR = [0.75, 1.25] as const
export const RESET_PAUSE_MAX_MS = 5000
export const FRAMES_MAX = 64
export const ITEMS_MAX = 256
/** Levels of CBOR arrays. */
export const DEPTH_MAX = 4
/** Bytes that a padded datagram may have. wire-spec [R-7-6] */
export const PADDED_DATAGRAM_BYTES = [128, 256, 512, DATAGRAM_BYTES_MAX] as const
export const LIST_PART_BYTES = 1024
export const LIST_PARTS_MAX = 32
/** Parts of a list that is not whole are forgotten after so long without another. */
export const LIST_PARTS_KEPT_MS = 60_000
export const LIST_ENTRIES_MAX = 256
/** Versions of lists for each hour since 1970. wire-spec [R-10-1] */
export const LIST_VERSIONS_PER_HOUR = 235_929_600
/** How far above the last version, and those of now, one may be: 18 hours. wire-spec [R-10-3] */
export const LIST_JUMP_MAX = 4_294_967_296
/** The greatest rotation of a pseudonym. wire-spec [R-10.1-4] */
export const ROTATION_MAX = 4_294_967_295
/** The greatest that a device chooses by its own clock, 2096: room is left above whatever a wrong one says. wire-spec [R-10.1-4] */
export const ROTATION_GUESS_MAX = 4_000_000_000
/** Wait for LIST_RESULT or LIST_PART after the PONG; it doubles to the longest. wire-spec [R-10-3] */
export const LIST_RETRY_FIRST_MS = 2_000
export const LIST_RETRY_MAX_MS = 64_000
/** Last version of a list: the greatest u48. wire-spec [R-10-1] */
export const LIST_VERSION_MAX = 2 ** 48 - 1
/** How long a device tries to put a grant into the list. wire-spec [R-10.1-2] */
export const GRANT_HOLD_MS = 30_000
/** Hours that one grant may bring. */
export const GRANT_WINDOWS_MAX = 16
export const MESSAGE_TEXT_BYTES_MAX = 128
export const REPLY_BYTES_MAX = 256
/** Subprotocol of the channel over WebSocket. wire-spec §8.3 */
export const WEBSOCKET_PROTOCOL = 'pilotlight.1'
/** Path of the channel over WebSocket. */
export const WEBSOCKET_PATH = '/v1/channel'
/** A connection without an authentic channel packet is closed after this. */
export const WEBSOCKET_PROOF_MS = 20_000
/** A connection whose session moved to another address is closed after this: longer than a device keeps it. */
export const WEBSOCKET_LEFT_MS = 10_000
/** What may wait to be sent on a connection before datagrams are dropped. */
export const WEBSOCKET_BUFFER_BYTES = 65_536
/** Longest random pause before a connection that closed is opened again. */
export const WEBSOCKET_REOPEN_MAX_MS = 5000
/** What asks for an answer over UDP and gets none for so long is tried over WebSocket: the repeats of a round. */
export const UDP_PATIENCE_MS = 7000
/** Pause before UDP is tried again from WebSocket; it doubles to the longest. */
export const UDP_TRIAL_FIRST_MS = 600_000
export const UDP_TRIAL_LAST_MS = 86_400_000
/** Only an asking packet up to this size tries UDP. */
export const UDP_TRIAL_BYTES_MAX = 64

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
  ask: 0x08,
  probe: 0x04,
  grease: 0x13,
} as const

/** Why a server closes a WebSocket: codes of RFC 6455 §7.4. wire-spec §8.3. */
export const WebSocketClose = { goingAway: 1001, text: 1003, tooLarge: 1009, silent: 4001, left: 4002 } as const

/** Why message 2 refuses. wire-spec §4.3. */
export const RefusalCode = { clockAhead: 1, stampOld: 2, unknownDevice: 3, busy: 4 } as const

/** Codes of CLOSE. wire-spec §7.4. */
export const CloseCode = { bye: 0, protocolError: 1, deviceRemoved: 2, accountRemoved: 3, keyLimit: 4 } as const

/** What a VERDICT says. wire-spec §12.2. */
export const VerdictWhat = { accepted: 0, dismissed: 1, shown: 2, refused: 3 } as const

/** What a device says it is, in a VERDICT, by code. wire-spec §12.2. */
export const DEVICE_CLASSES = ['other', 'phone', 'tablet', 'desktop', 'browser', 'watch'] as const
export type DeviceClass = (typeof DEVICE_CLASSES)[number]

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
