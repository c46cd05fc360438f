import type { Random } from '../base/random.js'
import type { Now } from '../base/time.js'
import type { Crypto } from '../crypto/crypto.js'
import type { NotifyFrame, OutcomeFrame } from '../frame/frame.js'
import type { RingView } from './ring.js'
import type { Reach } from './ring-behaviour.js'
import type { LimitState, RingLimits } from './ring-limits.js'

/** Told what became of a reliable frame. */
export interface FrameOwner {
  /** The device acked it. */
  handleAcked(device: number, id: number, now: Now): void
  /** It was given up, or refused at once: too many wait, or there is no session. */
  handleUnacked(device: number, id: number, now: Now): void
}

/** One device, as an application may ring it alone for a while. */
export interface DeviceAlias {
  person: number
  rotation: number
  /** handle */
  device: number
  /** Unix ms */
  untilMs: number
}

/** What rings need of the people around them. Devices are named by handles. */
export interface RingPeople {
  /** How present somebody is for rings of an application; `offline` for whoever hides or is not here. */
  reach(app: number, person: number, rotation: number): Reach
  /** A person's devices that can be sent to. */
  devicesInContact(person: number): number[]
  /** Whether a device can be sent to. */
  isInContact(device: number): boolean
  /** The 8-byte id of an application. */
  appId(app: number): Uint8Array
  /** What a PUID says, or null if it is not authentic for the application. */
  readPuid(app: number, puid: string): { person: number; rotation: number } | null
  /** What the alias of a device says, or null if it is not authentic for the application, or has expired. */
  readAlias(app: number, alias: string, wallMs: number): DeviceAlias | null
  /** The alias of a device for an application. */
  writeAlias(app: number, alias: DeviceAlias): string
  /** The PUID of a person for an application. */
  writePuid(app: number, person: number, rotation: number): string
}

/** The way to devices: reliable frames, wire-spec §7.3. */
export interface RingChannel {
  /** Whether no reliable frame with this id waits on the device. */
  isIdFree(device: number, id: number): boolean
  /** A random id that is free on the device. */
  newId(device: number): number
  /** Sends frames in one packet; each is repeated until acked or until the time. */
  send(device: number, frames: (NotifyFrame | OutcomeFrame)[], untilMonotonicMs: number, owner: FrameOwner): void
  /** Stops repeating a frame, if it still waits. */
  cancel(device: number, id: number): void
}

/** The store, and the applications. */
export interface RingOutlet {
  /**
   * Asks for a row to be written.
   *
   * @param end what its sender will see, if this is how the ring ended.
   * @returns the request's number, told again with the reply.
   */
  put(ring: Uint8Array, untilMs: number, row: Uint8Array, end: { app: number; view: RingView } | null): number
  /** Asks for a row to be deleted, at some time. */
  drop(ring: Uint8Array): void
  /** Answers a request with a ring. */
  answer(request: number, ring: RingView, isCreated: boolean, limits?: LimitState[]): void
  /** Answers a request with an error. */
  refuse(request: number, code: RingErrorCode, detail: string, retryAfterS: number, limits?: LimitState[]): void
  /** Tells an application that a ring changed. */
  changed(app: number, ring: RingView): void
  /** A ring was committed as this, for who watches. */
  readonly observe?: ((ring: RingView) => void) | null
}

/** Stable codes of what can be wrong with a request about a ring. */
export type RingErrorCode =
  | 'unknown-puid'
  | 'unknown-device-handle'
  | 'unknown-ring'
  | 'ring-too-large'
  | 'ring-invalid'
  | 'idempotency-conflict'
  | 'rate-limited'
  | 'ring-ended'
  | 'unavailable'

/** Timers of one kind: see presence/timers.ts, whose shape this is. */
export interface RingTimers {
  /** Sets a timer for a key. @returns its name, 1.. */
  arm(key: number, monotonicMs: number): number
  /** Takes a timer back; 0 is none. */
  disarm(timer: number): void
}

/** What rings are made of. */
export interface RingParts {
  people: RingPeople
  channel: RingChannel
  outlet: RingOutlet
  crypto: Crypto
  random: Random
  limits: RingLimits
  /** makes a line of timers that calls back with the key */
  timers: (onDue: (key: number, now: Now) => void) => RingTimers
}
