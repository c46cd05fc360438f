/**
 * What a channel tells those who watch it: `src/trace` makes qlog and key logs of it. An observer is called in the middle
 * of the work: it keeps nothing that it is given, calls nothing back, and does not throw. Without one, nothing is made.
 */
import type { Direction } from '../packet/constants.js'
import type { SessionView } from './view.js'

/** Why the keys of a session changed. wire-spec §5.3, §5.6 */
export type KeyCause = 'device-boot' | 'server-boot' | 'step'

/** A packet that was sealed or opened; all bytes are borrowed. */
export interface SessionPacket {
  isSent: boolean
  /** the whole packet */
  datagram: Uint8Array
  /** bytes of its header */
  headerBytes: number
  /** packet number, 48 bits */
  number: number
  /** frames and padding */
  plaintext: Uint8Array
  /** 32 B, secret */
  key: Uint8Array
  /** Device: it opened under the s2d key before the present one. wire-spec [R-5.6-10] */
  isLastKey: boolean
}

/** Told by sender, receiver and key schedule of the sessions of one slab or several. */
export interface SessionObserver {
  onPacket(view: SessionView, packet: SessionPacket): void
  /** The record has the new values already. */
  onKeys(view: SessionView, cause: KeyCause): void
}

/** A packet with the names that its session has outside. */
export interface WatchedPacket extends SessionPacket {
  direction: Direction
  /** 5 B: the connection ID in it, or for s2d the present one of its session */
  cid: Uint8Array
  /** names the session within the log */
  group: string
  /** where it goes to or came from; null if it is not known */
  remote: string | null
  epoch: number
  /** 12 B; null if it is not known any more */
  deviceBoot: Uint8Array | null
  /** 12 B */
  serverBoot: Uint8Array
}

/** What else happened: names and fields are those of `docs/qlog.md`. Never keys, texts, pseudonyms or application ids. */
export interface ChannelNote {
  name: NoteName
  /** names the session within the log; null: it is of none */
  group: string | null
  fields: Readonly<Record<string, string | number | boolean | null>>
}

/** Events that are no packet of a session. */
export type NoteName =
  | 'process_started'
  | 'boot_updated'
  | 'packet_sent'
  | 'packet_received'
  | 'packet_dropped'
  | 'effect_withheld'
  | 'handshake_updated'
  | 'session_started'
  | 'session_ended'
  | 'session_confirmed'
  | 'keys_updated'
  | 'connection_id_updated'
  | 'path_updated'
  | 'contact_updated'
  | 'keepalive_updated'
  | 'round_failed'
  | 'network_changed'
  | 'frame_settled'
  | 'ring_updated'

/** Told of everything that one end of the protocol does. */
export interface ChannelObserver {
  onPacket(packet: WatchedPacket): void
  onNote(note: ChannelNote): void
}
