import type Database from 'better-sqlite3'
import type { Crypto } from '../crypto/crypto.js'
import { deriveKey } from '../crypto/hkdf.js'
import { Accounts } from './accounts.js'
import { Apps } from './apps.js'
import { Devices } from './devices.js'
import { EnrolmentCodes } from './enrolment-codes.js'
import { Grants } from './grants.js'
import { Health } from './health.js'
import { Identities } from './identities.js'
import { Passkeys } from './passkeys.js'
import { Rings } from './rings.js'
import { RowSealer } from './row-sealer.js'
import { Sessions } from './sessions.js'
import { WebhookConfigs } from './webhooks.js'
import { WriteBehind } from './write-behind.js'

/** The tables of one database. */
export interface Tables {
  readonly database: Database.Database
  readonly accounts: Accounts
  readonly codes: EnrolmentCodes
  readonly devices: Devices
  readonly apps: Apps
  readonly rings: Rings
  readonly grants: Grants
  readonly sessions: Sessions
  readonly identities: Identities
  readonly passkeys: Passkeys
  readonly webhooks: WebhookConfigs
  readonly writeBehind: WriteBehind
  /** The server's clock has come as far as this, Unix seconds, and does not go back behind it. */
  keepClock(seconds: number): void
  /** The greatest of these; 0 none. */
  clockSeconds(): number
}

/**
 * The tables of an open database.
 *
 * @param masterKey 32 B, seals them.
 * @param health    is told of what goes wrong where nobody waits.
 */
export function openTables(
  database: Database.Database,
  crypto: Crypto,
  masterKey: Uint8Array,
  health = new Health(),
): Tables {
  const sealer = new RowSealer(crypto, masterKey)
  const devices = new Devices(database, sealer)
  const rings = new Rings(database, crypto, sealer)
  const keepClock = database.prepare<[number, number]>('UPDATE meta SET clock_seconds = ? WHERE clock_seconds < ?')
  const clockSeconds = database.prepare<[], number>('SELECT clock_seconds FROM meta').pluck()
  return {
    database,
    accounts: new Accounts(database),
    codes: new EnrolmentCodes(database, crypto, deriveKey(crypto, masterKey, 'pilotlight enrolment code')),
    devices,
    apps: new Apps(database),
    rings,
    grants: new Grants(database, crypto, sealer),
    sessions: new Sessions(database, crypto, deriveKey(crypto, masterKey, 'pilotlight session token')),
    identities: new Identities(database, crypto, deriveKey(crypto, masterKey, 'pilotlight identity')),
    passkeys: new Passkeys(database),
    webhooks: new WebhookConfigs(database, sealer),
    writeBehind: new WriteBehind(devices, rings, health),
    keepClock: (seconds) => void keepClock.run(seconds, seconds),
    clockSeconds: () => clockSeconds.get() ?? 0,
  }
}
