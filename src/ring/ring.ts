import { base64url } from '../base/base64.js'
import { hex } from '../base/bytes.js'
import { DEVICE_CLASSES, type DeviceClass } from '../packet/constants.js'
import type { RingState } from './ring-state.js'

/** Bytes that name a ring. */
export const RING_ID_BYTES = 16
/** Bytes of the secret from which a ring's notify ids are made. */
export const RING_SEED_BYTES = 16
/** First characters of the alias of a device; a PUID begins with others. */
export const ALIAS_PREFIX = 'd_'
/** How long the alias of a device that accepted can be rung, ms. */
export const ALIAS_MS = 600_000

/** How a pool is rung: all at once, or one after another in the order of the request. */
export type RingStrategy = 'all' | 'sequence'

/** Bytes kept of the hash of a request with an idempotency key. */
export const REQUEST_HASH_BYTES = 16

/** A ring as its sender sees it. Times are Unix ms. */
export interface RingView {
  /** 32 hex digits */
  ring: string
  state: RingState
  /** why it is queued or failed: '' | 'offline' | 'unavailable' | 'unanswered' | 'app-removed'; withdrawn: 'replaced' */
  reason: string
  createdMs: number
  deadlineMs: number
  /** first authenticated receipt by a device, 0 if none */
  deliveredMs: number
  /** first display by a device's host, 0 if none */
  shownMs: number
  /** when the terminal state was reached, 0 before */
  endedMs: number
  /** PUID that accepted, or was the last to dismiss; '' if none */
  by: string
  /** what kind of device accepted, or was the last to dismiss; '' if none */
  deviceClass: DeviceClass | ''
  /** alias of the device that accepted, '' if none */
  device: string
  /** when the alias expires, 0 if there is none */
  deviceUntilMs: number
  /** reply of the accepting device, base64url, '' if none */
  reply: string
}

/** What an application asks for. */
export interface NewRing {
  /** 1..64 PUIDs, or aliases of devices; more than one is a pool: the first to accept stops the others */
  to: string[]
  title: string
  body: string
  /** https, or http on loopback, or '' */
  url: string
  /** base64url, decoded size counts */
  payload: string
  /** 5,000..600,000 */
  deadlineInMs: number
  strategy: RingStrategy
  /** of a sequence: how long each is rung while there is somebody else to ring, 5,000..600,000; else 0 */
  stepMs: number
  /** '' none; else at most 64 characters: takes the place of an open ring with this key to the same person */
  collapseKey: string
  /** '' none; else at most 255 characters */
  idempotencyKey: string
}

/** What a device shows. */
export interface RingContent {
  title: string
  body: string
  url: string
  payload: Uint8Array
}

/**
 * How somebody of a pool left a ring that may go on with the others. passed: their turn in a sequence was over.
 * replaced: a newer ring with the same collapse key took its place.
 */
export type TargetEnd = 'dismissed' | 'passed' | 'replaced'

/** One of those that a ring goes to. */
export interface RingTarget {
  /** key of the person */
  person: number
  /** rotation of the PUID that the sender used */
  rotation: number
  /** handle of the only device that is rung, -1 all of the person */
  device: number
  /** '' still of it */
  left: TargetEnd | ''
  /** handle of the device that dismissed for this person, -1 none */
  dismissedBy: number
}

/** Everything about a ring that must survive the process. */
export interface RingRecord {
  /** 16 B, random */
  id: Uint8Array
  /** 16 B, random and secret: gives the notify ids */
  seed: Uint8Array
  /** key of the application */
  app: number
  createdMs: number
  deadlineMs: number
  state: RingState
  reason: string
  deliveredMs: number
  shownMs: number
  endedMs: number
  /** index of the target that accepted or was the last to dismiss, -1 none */
  by: number
  /** handle of the device that accepted or was the last to dismiss, -1 none */
  byDevice: number
  /** what that device says it is: place in DEVICE_CLASSES */
  byClass: number
  /** at most 256 B */
  reply: Uint8Array
  /** 0: all at once */
  stepMs: number
  /** index of the target whose turn it is in a sequence, -1 nobody's */
  turn: number
  /** when the turn may go on to somebody else, Unix ms */
  turnEndMs: number
  /** '' none */
  collapseKey: string
  /** of two open rings with one collapse key to one person the greater one stays; 0 without a key */
  collapseRank: number
  /** '' none */
  idempotencyKey: string
  /** 16 B */
  requestHash: Uint8Array
  /** 1..64 */
  targets: RingTarget[]
  /** empty once the ring has ended and its devices were told */
  content: RingContent
}

/**
 * What the sender sees of a ring.
 *
 * @param by     PUID of `record.by`, '' if none.
 * @param device alias of the device that accepted, '' if none did.
 */
export function ringViewOf(record: RingRecord, by: string, device: string): RingView {
  const { state, reason, createdMs, deadlineMs, deliveredMs, shownMs, endedMs } = record
  const times = { createdMs, deadlineMs, deliveredMs, shownMs, endedMs }
  const who = { by, device, deviceUntilMs: device === '' ? 0 : aliasUntilMs(record) }
  const deviceClass = record.byDevice < 0 ? '' : (DEVICE_CLASSES[record.byClass] ?? DEVICE_CLASSES[0])
  return { ring: hex(record.id), state, reason, ...times, ...who, deviceClass, reply: base64url(record.reply) }
}

/** When the alias of the device that accepted expires, Unix ms. */
export function aliasUntilMs({ endedMs }: RingRecord): number {
  return endedMs + ALIAS_MS
}

/** Key of a ring in the idempotency index: application and the sender's key; '' none. */
export function idempotencyOf(record: Pick<RingRecord, 'app' | 'idempotencyKey'>): string {
  return record.idempotencyKey === '' ? '' : `${record.app}/${record.idempotencyKey}`
}
