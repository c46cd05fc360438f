import { utf8Bytes, utf8Text } from '../base/text.js'
import type { RingView } from '../ring/ring.js'
import type { AppKey } from './message.js'

/** First field of a row; a row with another one is of another release. */
const ROW_VERSION = 1

/** The outcome of a ring that an application is still to be told by webhook, as a row for the store. */
export function writeOutcomeRow(app: AppKey, ring: RingView): Uint8Array {
  return utf8Bytes(JSON.stringify([ROW_VERSION, app, ring]))
}

/** What a row says, or null if it is not one of this release. @param row bytes from the store. */
export function readOutcomeRow(row: Uint8Array): { app: AppKey; ring: RingView } | null {
  try {
    const [version, app, ring] = JSON.parse(utf8Text(row) ?? '') as [unknown, AppKey, RingView]
    const isOurs = version === ROW_VERSION && typeof app === 'number' && typeof ring?.ring === 'string'
    return isOurs ? { app, ring } : null
  } catch {
    return null
  }
}
