/**
 * What a device tells its host: plain records, taken one by one from `DeviceMachine.pollEvent`. Ids are lower-case
 * hexadecimal: `ring` has 32 digits, `app` 16.
 */
import type { DeviceError } from './device-error.js'

/** The session is confirmed: an asking packet was answered for the first time, or for the first time since 'contact-lost'. */
export interface OnlineEvent {
  kind: 'online'
  /** Bytes of message 1 and message 2 when this session began with a handshake just now; null when it went on. */
  handshakeBytes: [number, number] | null
}

/**
 * A round of asking, or a message 1, stayed unanswered, or without an answer that opens. Each of these is told once until
 * the next 'online'. The device tries on by itself.
 */
export interface ContactLostEvent {
  kind: 'contact-lost'
  error: DeviceError
}

/** A ring that the person should see now. Told once for each ring, also over restarts. */
export interface RingEvent {
  kind: 'ring'
  ring: string
  app: string
  title: string
  body: string
  url: string
  payload: Uint8Array
  /** Milliseconds from now to the deadline, counted so that it is never too long. */
  remainingMs: number
}

/**
 * How a ring ended. wire-spec §12.2-4; 'unconfirmed': the server did not say it, to a person who answered, or before the
 * device was closed or removed.
 */
export type RingEnd = 'accepted' | 'answered-elsewhere' | 'dismissed' | 'missed' | 'withdrawn' | 'unconfirmed'

/** A ring that was told by 'ring' is over: stop showing it. */
export interface RingEndedEvent {
  kind: 'ring-ended'
  ring: string
  outcome: RingEnd
}

/** A ring that the person did not get to answer. Also kept in the list of missed rings. */
export interface MissedRing {
  ring: string
  app: string
  title: string
  body: string
  url: string
  /** Unix ms by the server's clock. */
  deadlineMs: number
}

/** A ring was missed: it was shown and ran out, or came too late to be shown. */
export interface MissedEvent extends MissedRing {
  kind: 'missed'
}

/** The person's list is at a new version here: an edit of ours was committed, or another device's was taken. */
export interface ListChangedEvent {
  kind: 'list-changed'
  version: number
  /** Whether this device made the change. */
  own: boolean
  /** Numbers of the edits that are committed with it, as the commands of the machine returned them. */
  settled: number[]
}

/** This device needs the list key of the person's other devices: show the code, and confirm on one of them. wire-spec §11 */
export interface ListKeyWantedEvent {
  kind: 'list-key-wanted'
  /** 10 characters of base32. */
  code: string
}

/** The list key came from another device. */
export interface ListKeyTakenEvent {
  kind: 'list-key-taken'
}

/** A new device of the person asks for the list key: compare the code, then `confirmKeyOffer(request)`. wire-spec §11 */
export interface KeyOfferEvent {
  kind: 'key-offer'
  request: number
  name: string
  /** 10 characters of base32; the new device shows the same. */
  code: string
}

/** Consent that the person gave in a browser is in the list now, or was taken out of it again. */
export interface GrantedEvent {
  kind: 'granted'
  app: string
  /** it was taken back: the application's proof was used twice */
  isWithdrawn: boolean
}

/** A pseudonym that was asked for by `requestPuid` or `allow`. */
export interface PuidEvent {
  kind: 'puid'
  app: string
  rotation: number
  puid: string
}

/** Whether the server has an application, as `checkApp` asked. */
export interface AppCheckedEvent {
  kind: 'app-checked'
  app: string
  exists: boolean
}

/** The server refused a handshake. wire-spec §4.3 */
export interface RefusedEvent {
  kind: 'refused'
  /** 1 clock-ahead, 2 stamp-old, 3 unknown-device, 4 busy. */
  code: number
  /** Whether the device tries again by itself: false after 3 only. */
  willRetry: boolean
  error: DeviceError
}

/** The session was closed. wire-spec §7.4 */
export interface ClosedEvent {
  kind: 'closed'
  /** 0 bye, 1 protocol-error, 2 device-removed, 3 account-removed, 4 key-limit. */
  code: number
  /** Whether this device sent the CLOSE: the server broke the protocol. */
  own: boolean
  /** Whether the device handshakes by itself: false after 2 and 3. */
  willRetry: boolean
  error: DeviceError
}

/** The server's clock became known, or better known. wire-spec §12.2-1 */
export interface ServerTimeEvent {
  kind: 'server-time'
  /** The server's clock now, Unix ms, at least and at most. */
  earliestMs: number
  latestMs: number
}

/** `stop` is done: the server knows that the device is gone, or did not answer in time. */
export interface StoppedEvent {
  kind: 'stopped'
  /** Whether the server answered. */
  confirmed: boolean
}

/** Something that the host should know; the device goes on. */
export interface ErrorEvent {
  kind: 'error'
  error: DeviceError
  /** Numbers of the edits that will not be committed because of it, as the commands of the machine returned them. */
  edits: number[]
}

export type DeviceEvent =
  | OnlineEvent
  | ContactLostEvent
  | RingEvent
  | RingEndedEvent
  | MissedEvent
  | ListChangedEvent
  | ListKeyWantedEvent
  | ListKeyTakenEvent
  | KeyOfferEvent
  | PuidEvent
  | AppCheckedEvent
  | GrantedEvent
  | RefusedEvent
  | ClosedEvent
  | ServerTimeEvent
  | StoppedEvent
  | ErrorEvent
