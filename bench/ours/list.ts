/** What the persons of a generated store let applications see. */
import { encodePersonList, ListFlag, type PersonList } from '../../src/frame/person-list.js'

/** Applications that a person lets in. */
export const VISIBLE_APPS = 4
/** Rotation of every pseudonym. */
export const PUID_ROTATION = 1
/** One person in so many has hours and a message. */
const EXTRA_OF = 100
/** Bytes of that message. */
const MESSAGE_BYTES = 64

/** Whether a person has hours and a message. */
export function hasExtra(account: number): boolean {
  return account % EXTRA_OF === EXTRA_OF - 1
}

/** Places, in the table of applications, of those that a person lets in: four that differ, or all if there are fewer. */
export function visibleApps(account: number, apps: number): number[] {
  const wanted = Math.min(VISIBLE_APPS, apps)
  return Array.from({ length: wanted }, (_, nth) => (account * VISIBLE_APPS + nth) % apps)
}

/** Plaintext of a person's list. @param apps ids of all applications, 8 B each. */
export function listOf(account: number, apps: readonly Uint8Array[]): Uint8Array {
  const extra = hasExtra(account)
  const windows = extra ? [{ days: 127, start: 60, end: 59 }] : []
  const list: PersonList = {
    choice: 0,
    status: extra ? 'm'.repeat(MESSAGE_BYTES) : '',
    away: '',
    zone: extra ? 'Europe/Berlin' : '',
    entries: visibleApps(account, apps.length).map((place) => ({
      app: apps[place] as Uint8Array,
      flags: ListFlag.visible | ListFlag.shareMessages,
      rotation: PUID_ROTATION,
      windows,
    })),
  }
  return encodePersonList(list)
}
