import { createHash, randomBytes } from 'node:crypto'
import type Database from 'better-sqlite3'
import { base64url } from '../base/base64.js'
import { hex } from '../base/bytes.js'
import type { AppKey } from '../hub/message.js'
import type { ApiKeyRow, KeyMode, Scope } from './app-row.js'

/** API keys of one application and mode that are live at once. */
const LIVE_KEYS = 2

interface KeyRecord {
  keyId: string
  mode: KeyMode
  scopes: string
  hash: Buffer
  createdMs: number
}

/**
 * The hash of an API key: SHA-256 of its text. A key has 256 random bits, so a plain hash is enough.
 */
export function apiKeyHash(apiKey: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(apiKey, 'utf8').digest())
}

/** API keys, as hashes. The text of a key says its mode: `pl_live_...`, `pl_test_...`. */
export class ApiKeys {
  readonly #ofApp: Database.Statement<[AppKey], KeyRecord>
  readonly #insert: Database.Statement<[AppKey, Uint8Array, number, string, string, string]>
  readonly #retire: Database.Statement<[AppKey, string, AppKey, string]>
  readonly #delete: Database.Statement<[AppKey, string]>

  constructor(database: Database.Database) {
    this.#ofApp = database.prepare(
      'SELECT key_id AS keyId, mode, scopes, hash, created AS createdMs FROM app_keys WHERE app = ? ORDER BY id DESC',
    )
    this.#insert = database.prepare(
      'INSERT INTO app_keys (app, hash, created, key_id, mode, scopes) VALUES (?, ?, ?, ?, ?, ?)',
    )
    this.#retire = database.prepare(
      `DELETE FROM app_keys WHERE app = ? AND mode = ?
       AND id NOT IN (SELECT id FROM app_keys WHERE app = ? AND mode = ? ORDER BY id DESC LIMIT ${LIVE_KEYS})`,
    )
    this.#delete = database.prepare('DELETE FROM app_keys WHERE app = ? AND key_id = ?')
  }

  /** Keys of an application, the newest first. */
  ofApp(app: AppKey): ApiKeyRow[] {
    return this.#ofApp.all(app).map(({ scopes, hash, ...rest }) => {
      return {
        ...rest,
        scopes: scopes.split(' ').filter((scope) => scope !== '') as Scope[],
        hash: new Uint8Array(hash),
      }
    })
  }

  /** Adds a key; of its mode only the newest two stay. @returns its text, told once. */
  add(app: AppKey, mode: KeyMode, scopes: readonly Scope[], wallMs: number): string {
    const apiKey = `pl_${mode}_${base64url(randomBytes(32))}`
    this.#insert.run(app, apiKeyHash(apiKey), wallMs, `key_${hex(randomBytes(8))}`, mode, scopes.join(' '))
    this.#retire.run(app, mode, app, mode)
    return apiKey
  }

  /** Ends a key at once. @returns false if the application has no such key. */
  remove(app: AppKey, keyId: string): boolean {
    return this.#delete.run(app, keyId).changes > 0
  }
}
