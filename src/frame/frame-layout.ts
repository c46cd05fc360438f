/** The layout of each frame that is a CBOR array: one table, kind -> type number, direction, fields. wire-spec §7. */
import {
  CHALLENGE_BYTES,
  CID_BYTES,
  type Direction,
  GRANT_WINDOWS_MAX,
  LIST_PART_BYTES,
  LIST_PARTS_MAX,
  REPLY_BYTES_MAX,
  RESET_TOKEN_BYTES,
} from '../packet/constants.js'
import { type CborItem, isByteString } from './cbor.js'
import type * as frames from './frame.js'
import { DAYS_ALL, MINUTES_OF_DAY } from './person-list.js'

/** Tells whether an item may stand in a field. */
type Rule = (item: CborItem) => boolean

/** Every frame but PING, PONG and ACK, which are integers. */
export type ArrayFrame = Exclude<frames.Frame, frames.PingFrame | frames.PongFrame | frames.AckFrame>
export type ArrayKind = ArrayFrame['kind']

/** How one kind of frame is laid out. */
export interface FrameLayout {
  readonly kind: ArrayKind
  /** first item of the array */
  readonly type: number
  readonly direction: Direction | 'both'
  /** property of the frame record and rule of its item, in wire order after the type */
  readonly fields: readonly (readonly [string, Rule])[]
  /** the last field may be missing; its property is then null */
  readonly lastIsOptional: boolean
  /** what the fields must keep between them */
  readonly isConsistent: (frame: Record<string, CborItem | null>) => boolean
}

/** Least and most of a reliable frame's id, and of an ACK. wire-spec §7. */
export const ID_MIN = 256
export const ID_MAX = 65_535

const uint: Rule = integer(0, Number.MAX_SAFE_INTEGER)
const id: Rule = integer(ID_MIN, ID_MAX)
/** u48: that is how the sealed list binds it. wire-spec §10 */
const version: Rule = integer(0, 2 ** 48 - 1)
const text: Rule = (item) => typeof item === 'string'
const octets: Rule = byteString(0, Number.MAX_SAFE_INTEGER)
const count: Rule = integer(1, LIST_PARTS_MAX)
const part: Rule = byteString(0, LIST_PART_BYTES)
const app: Rule = byteString(8, 8)
const nonce: Rule = byteString(16, 16)
const grant: Rule = byteString(16, 16)
/** u32: that is what fits a PUID. wire-spec §12.4 */
const rotation: Rule = integer(0, 2 ** 32 - 1)
const windows: Rule = (item) => Array.isArray(item) && item.length <= GRANT_WINDOWS_MAX && item.every(isWindow)
const publicKey: Rule = byteString(32, 32)
const challenge: Rule = byteString(CHALLENGE_BYTES, CHALLENGE_BYTES)
const sealed: Rule = byteString(80, 80)

const ALL: readonly FrameLayout[] = [
  layout<frames.VerdictFrame>('verdict', 1, 'd2s', {
    id,
    what: integer(0, 3),
    deviceClass: integer(0, 23),
    reply: byteString(0, REPLY_BYTES_MAX),
  }),
  layout<frames.ResponseFrame>('response', 2, 'd2s', { challenge }),
  layout<frames.ThresholdsFrame>('thresholds', 3, 'd2s', { awayAfterS: uint, offlineAfterS: uint }),
  layout<frames.SilenceFrame>('silence', 4, 'd2s', { seconds: uint }),
  layout<frames.SyncFrame>('sync', 5, 'd2s', { version }),
  layout<frames.VisibilityFrame>('visibility', 6, 'd2s', { version, index: uint, count, part }),
  layout<frames.ListFrame>('list', 7, 'd2s', { base: version, version, index: uint, count, part }),
  layout<frames.WantListFrame>('want-list', 8, 'd2s', { index: uint }),
  layout<frames.KeyRequestFrame>('key-request', 9, 'd2s', { nonce }),
  layout<frames.KeySealedFrame>('key-sealed', 10, 'd2s', { request: uint, sealed }),
  layout<frames.PuidRequestFrame>('puid-request', 11, 'd2s', { app, rotation }),
  layout<frames.CloseFrame>('close', 12, 'both', { code: uint }),
  layout<frames.ProbeFrame>('probe', 13, 'd2s', { delayS: uint }),
  layout<frames.StepFrame>('step', 14, 'd2s', { key: publicKey }),
  layout<frames.LearntFrame>('learnt', 15, 'd2s', { network: integer(0, 2), seconds: uint }),
  layout<frames.GrantedFrame>('granted', 31, 'd2s', { grant, what: integer(0, 1) }),
  layout<frames.ChallengeFrame>('challenge', 2, 's2d', { challenge }),
  layout<frames.NewCidFrame>('new-cid', 16, 's2d', {
    id,
    cid: byteString(CID_BYTES, CID_BYTES),
    token: byteString(RESET_TOKEN_BYTES, RESET_TOKEN_BYTES),
  }),
  layout<frames.NotifyFrame>('notify', 17, 's2d', {
    id,
    ring: byteString(16, 16),
    app,
    rotation,
    deadlineMs: uint,
    title: text,
    body: text,
    url: text,
    payload: octets,
  }),
  layout<frames.OutcomeFrame>('outcome', 18, 's2d', { id, ring: byteString(16, 16), what: integer(0, 4) }),
  layout<frames.StateFrame>('state', 19, 's2d', { id, version, flags: uint }),
  layout<frames.ListPartFrame>('list-part', 20, 's2d', { version, index: uint, count, part }),
  layout<frames.ListResultFrame>('list-result', 21, 's2d', { version, code: integer(0, 2) }),
  layout<frames.RetryAfterFrame>('retry-after', 22, 's2d', { seconds: uint }),
  layout<frames.ServerKeyFrame>('server-key', 23, 's2d', { id, key: publicKey }),
  layout<frames.KeyOfferFrame>('key-offer', 24, 's2d', { id, request: uint, deviceKey: publicKey, nonce, name: text }),
  layout<frames.KeyGivenFrame>('key-given', 25, 's2d', { id, senderKey: publicKey, nonce, sealed }),
  layout<frames.PuidFrame>('puid', 26, 's2d', { app, rotation: uint, puid: text }),
  layout<frames.ClockFrame>('clock', 27, 's2d', { clockMs: uint }),
  layout<frames.SteppedFrame>('stepped', 28, 's2d', { key: publicKey }),
  layout<frames.WantStepFrame>('want-step', 29, 's2d', {}),
  layout<frames.HintFrame>('hint', 30, 's2d', { network: integer(0, 2), seconds: uint }),
  layout<frames.GrantFrame>('grant', 31, 's2d', { id, grant, app, rotation, what: integer(0, 1), windows, zone: text }),
]

const BY_KIND = new Map<string, FrameLayout>(ALL.map((row) => [row.kind, row]))
const BY_TYPE = { d2s: byType('d2s'), s2d: byType('s2d') } as const
/** Every type number that has a layout in either direction: in the other one it is malformed, not unknown. */
const KNOWN_TYPES = new Set<number>(ALL.map((row) => row.type))

/** The layout of a kind. */
export function layoutOfKind(kind: ArrayKind): FrameLayout {
  return BY_KIND.get(kind) as FrameLayout
}

/**
 * The layout of a type number.
 *
 * @returns null for a type that comes only from the other side: malformed [R-7-2]; undefined for one that this draft
 *   does not know: ignored [R-7-3].
 */
export function layoutOfType(type: number, direction: Direction): FrameLayout | null | undefined {
  return BY_TYPE[direction].get(type) ?? (KNOWN_TYPES.has(type) ? null : undefined)
}

/** `fields` names each property of the frame, in wire order. */
function layout<F extends ArrayFrame>(
  kind: F['kind'],
  type: number,
  direction: Direction | 'both',
  fields: { readonly [Name in Exclude<keyof F, 'kind'>]: Rule },
): FrameLayout {
  return {
    kind,
    type,
    direction,
    fields: Object.entries<Rule>(fields),
    lastIsOptional: kind === 'verdict' || kind === 'step' || kind === 'stepped',
    isConsistent: 'part' in fields ? isIndexBelowCount : () => true,
  }
}

function isIndexBelowCount(frame: Record<string, CborItem | null>): boolean {
  return (frame['index'] as number) < (frame['count'] as number)
}

function byType(direction: Direction): ReadonlyMap<number, FrameLayout> {
  const rows = ALL.filter((row) => row.direction === direction || row.direction === 'both')
  return new Map(rows.map((row) => [row.type, row]))
}

function integer(least: number, most: number): Rule {
  return (item) => typeof item === 'number' && item >= least && item <= most
}

function isWindow(item: CborItem): boolean {
  if (!Array.isArray(item) || item.length < 3) return false
  const [days, start, end] = item as readonly CborItem[]
  const minute = integer(0, MINUTES_OF_DAY - 1)
  return integer(1, DAYS_ALL)(days as CborItem) && minute(start as CborItem) && minute(end as CborItem)
}

function byteString(leastBytes: number, mostBytes: number): Rule {
  return (item) => isByteString(item) && item.length >= leastBytes && item.length <= mostBytes
}
