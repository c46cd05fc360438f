/** The list of a person: what applications see them, when, and the person's choice. wire-spec §10. */
import { hex } from '../base/bytes.js'
import { PilotlightError } from '../base/errors.js'
import { utf8Length, wellFormed } from '../base/text.js'
import { LIST_ENTRIES_MAX, MESSAGE_TEXT_BYTES_MAX } from '../packet/constants.js'
import { type CborItem, isByteString, readSequence, writeSequence } from './cbor.js'
import { LIST_PLAINTEXT_BYTES_MAX } from './sealed-list.js'

/** Items of the whole list, at most. wire-spec §10. */
export const LIST_ITEMS_MAX = 4096

/** Levels of arrays: list, entries, entry, windows, window. wire-spec §10. */
export const LIST_DEPTH_MAX = 5

/** Bytes of an application id. */
const APP_BYTES = 8
/** All days of a week. */
export const DAYS_ALL = 127
/** Minutes of a day. */
export const MINUTES_OF_DAY = 1440

/** Choices of a person. */
export const Choice = { available: 0, unavailable: 1, invisible: 2 } as const

/** Bits of an entry's flags; others are kept and mean nothing. */
export const ListFlag = { visible: 1, appearOffline: 2, shareMessages: 4, blocked: 8, toldRevoked: 16 } as const

/** Whether an entry with these flags shows the person, hours and choice apart. wire-spec §10. */
export function isVisibleBy(flags: number): boolean {
  return (flags & (ListFlag.visible | ListFlag.blocked | ListFlag.toldRevoked)) === ListFlag.visible
}

/** Hours in which an application sees the person. One with `end <= start` runs past midnight. */
export interface Window {
  /** 1..127; bit 0 Monday to bit 6 Sunday, the day on which it starts */
  days: number
  /** minute of the day, 0..1439 */
  start: number
  /** minute of the day, 0..1439 */
  end: number
}

/** What one application sees. */
export interface ListEntry {
  /** 8 B */
  app: Uint8Array
  /** bits of `ListFlag` */
  flags: number
  /** rotation count of the grant's pseudonym */
  rotation: number
  /** none: at all hours */
  windows: readonly Window[]
}

export interface PersonList {
  /** of `Choice` */
  choice: 0 | 1 | 2
  /** at most 128 B of UTF-8 */
  status: string
  /** at most 128 B of UTF-8 */
  away: string
  /** IANA time zone name, or empty for UTC */
  zone: string
  /** at most 256, sorted by application, none twice */
  entries: readonly ListEntry[]
}

/** A list that shows the person to nobody. */
export const EMPTY_LIST: PersonList = { choice: 0, status: '', away: '', zone: '', entries: [] }

/**
 * Encodes a list.
 *
 * @param list entries in any order.
 * @returns the plaintext, at most 32,736 B, fresh.
 * @throws PilotlightError PL_BAD_LIST if it breaks a rule of wire-spec §10.
 */
export function encodePersonList(list: PersonList): Uint8Array {
  const entries = [...list.entries].sort((a, b) => compareApps(a.app, b.app))
  const sorted = { ...list, entries }
  const fault = faultOf(sorted)
  if (fault !== null) throw new PilotlightError('PL_BAD_LIST', fault)
  const bytes = writeSequence([itemOf(sorted)])
  if (bytes.length > LIST_PLAINTEXT_BYTES_MAX) throw new PilotlightError('PL_BAD_LIST', `${bytes.length} bytes`)
  return bytes
}

/**
 * Decodes a list, padded or not.
 *
 * @param bytes any bytes; never trusted.
 * @returns null if they break a rule of wire-spec §10. Application ids alias `bytes`. Never throws.
 */
export function decodePersonList(bytes: Uint8Array): PersonList | null {
  if (bytes.length > LIST_PLAINTEXT_BYTES_MAX) return null
  const items = readSequence(bytes, { frames: 1, items: LIST_ITEMS_MAX, depth: LIST_DEPTH_MAX })
  if (items === null || items.length !== 1) return null
  const list = listOf(items[0] as CborItem)
  return list !== null && faultOf(list) === null ? list : null
}

/** What is wrong with a list, or null. */
function faultOf(list: PersonList): string | null {
  if (!isInteger(list.choice, 0, 2)) return 'choice out of range'
  for (const name of ['status', 'away'] as const) {
    if (utf8Length(wellFormed(list[name])) > MESSAGE_TEXT_BYTES_MAX) return `${name} too long`
  }
  if (list.entries.length > LIST_ENTRIES_MAX) return 'too many entries'
  let items = 6 + list.entries.length * 5
  for (let i = 0; i < list.entries.length; i++) {
    const entry = list.entries[i] as ListEntry
    const previous = list.entries[i - 1]
    if (entry.app.length !== APP_BYTES) return 'an application id is not 8 bytes'
    if (previous !== undefined && compareApps(previous.app, entry.app) >= 0)
      return 'an application twice or out of order'
    if (!isInteger(entry.flags, 0, Number.MAX_SAFE_INTEGER)) return 'flags out of range'
    if (!isInteger(entry.rotation, 0, 0xffff_ffff)) return 'rotation out of range'
    if (!entry.windows.every(isWindow)) return 'a window out of range'
    items += entry.windows.length * 4
  }
  return items > LIST_ITEMS_MAX ? 'too many windows' : null
}

function isWindow({ days, start, end }: Window): boolean {
  return (
    isInteger(days, 1, DAYS_ALL) && isInteger(start, 0, MINUTES_OF_DAY - 1) && isInteger(end, 0, MINUTES_OF_DAY - 1)
  )
}

function isInteger(value: number, least: number, most: number): boolean {
  return Number.isSafeInteger(value) && value >= least && value <= most
}

function compareApps(a: Uint8Array, b: Uint8Array): number {
  const [left, right] = [hex(a), hex(b)]
  return left < right ? -1 : left > right ? 1 : 0
}

function itemOf({ choice, status, away, zone, entries }: PersonList): CborItem {
  const rows = entries.map(({ app, flags, rotation, windows }): CborItem => {
    return [app, flags, rotation, windows.map(({ days, start, end }) => [days, start, end])]
  })
  return [choice, status, away, zone, rows]
}

/** The list in an item: shapes only, `faultOf` looks at the values. Items after those listed are ignored [R-7-4]. */
function listOf(item: CborItem): PersonList | null {
  if (!Array.isArray(item)) return null
  const [choice, status, away, zone, rows] = item as readonly (CborItem | undefined)[]
  if (typeof choice !== 'number' || typeof status !== 'string' || typeof away !== 'string') return null
  if (typeof zone !== 'string' || !Array.isArray(rows)) return null
  const entries: ListEntry[] = []
  for (const row of rows as readonly CborItem[]) {
    const entry = entryOf(row)
    if (entry === null) return null
    entries.push(entry)
  }
  return { choice: choice as PersonList['choice'], status, away, zone, entries }
}

function entryOf(item: CborItem): ListEntry | null {
  if (!Array.isArray(item)) return null
  const [app, flags, rotation, rows] = item as readonly (CborItem | undefined)[]
  if (app === undefined || !isByteString(app) || typeof flags !== 'number' || typeof rotation !== 'number') return null
  if (!Array.isArray(rows)) return null
  const windows: Window[] = []
  for (const row of rows as readonly CborItem[]) {
    if (!Array.isArray(row)) return null
    const [days, start, end] = row as readonly (CborItem | undefined)[]
    if (typeof days !== 'number' || typeof start !== 'number' || typeof end !== 'number') return null
    windows.push({ days, start, end })
  }
  return { app, flags, rotation, windows }
}
