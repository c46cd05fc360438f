import { type CborItem, isByteString, readSequence, writeSequence } from '../frame/cbor.js'
import type { GrantCode, GrantWindow } from '../frame/frame.js'
import type { AppKey, PersonKey } from './message.js'

/** Bytes of a grant's id. */
export const GRANT_ID_BYTES = 16

/** First item of a row; a row with another one is of another release. */
const ROW_VERSION = 1

/** A consent, or one taken back, on its way into a person's list. */
export interface GrantRecord {
  /** 16 B, random */
  grant: Uint8Array
  person: PersonKey
  app: AppKey
  rotation: number
  /** 0 may see the person, 1 that is taken back */
  what: GrantCode
  windows: readonly GrantWindow[]
  /** IANA name for a list without one, or '' */
  zone: string
  /** when it is forgotten, Unix ms */
  untilMs: number
}

/** A grant as one row for the store. */
export function writeGrantRow(record: GrantRecord): Uint8Array {
  const { grant, person, app, rotation, what, windows, zone, untilMs } = record
  return writeSequence([ROW_VERSION, grant, person, app, rotation, what, windows, zone, untilMs])
}

/** The grant of a row, or null if it is not a row of this release. */
export function readGrantRow(row: Uint8Array): GrantRecord | null {
  const items = readSequence(row, { frames: 9, items: 128, depth: 2 })
  if (items?.length !== 9 || items[0] !== ROW_VERSION) return null
  const [, grant, person, app, rotation, what, windows, zone, untilMs] = items as readonly CborItem[]
  const isWhole = [person, app, rotation, untilMs].every((item) => typeof item === 'number' && item >= 0)
  if (!isWhole || grant === undefined || !isByteString(grant) || grant.length !== GRANT_ID_BYTES) return null
  if ((what !== 0 && what !== 1) || !Array.isArray(windows) || typeof zone !== 'string') return null
  return {
    grant: grant.slice(),
    person: person as number,
    app: app as number,
    rotation: rotation as number,
    what,
    windows: windows as GrantWindow[],
    zone,
    untilMs: untilMs as number,
  }
}
