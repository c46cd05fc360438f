import { createHash, randomBytes } from 'node:crypto'
import type Database from 'better-sqlite3'
import { base64url } from '../base/base64.js'
import { fromHex } from '../base/bytes.js'
import type { AppKey } from '../hub/message.js'
import type { AppRow } from './store.js'

/** API keys of one application that are live at once. */
const LIVE_KEYS = 2

const APP_COLUMNS = 'id AS app, app_id AS appId, name, created AS createdMs FROM apps'

interface AppRecord {
  app: AppKey
  appId: Buffer
  name: string
  createdMs: number
}

/**
 * The hash of an API key as `AppRow.keyHashes` has it: SHA-256 of its text. A key has 256 random bits, so a plain hash
 * is enough.
 */
export function apiKeyHash(apiKey: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(apiKey, 'utf8').digest())
}

/** Applications and the hashes of their API keys. */
export class Apps {
  readonly #insert: Database.Statement<[Uint8Array, string, number]>
  readonly #all: Database.Statement<[], AppRecord>
  readonly #byKey: Database.Statement<[AppKey], AppRecord>
  readonly #byAppId: Database.Statement<[Uint8Array], AppRecord>
  readonly #delete: Database.Statement<[AppKey]>
  readonly #hashes: Database.Statement<[AppKey], Buffer>
  readonly #insertKey: Database.Statement<[AppKey, Uint8Array, number]>
  readonly #retireKeys: Database.Statement<[AppKey, AppKey]>

  constructor(database: Database.Database) {
    this.#insert = database.prepare('INSERT INTO apps (app_id, name, created) VALUES (?, ?, ?)')
    this.#all = database.prepare(`SELECT ${APP_COLUMNS} ORDER BY id`)
    this.#byKey = database.prepare(`SELECT ${APP_COLUMNS} WHERE id = ?`)
    this.#byAppId = database.prepare(`SELECT ${APP_COLUMNS} WHERE app_id = ?`)
    this.#delete = database.prepare('DELETE FROM apps WHERE id = ?')
    this.#hashes = database
      .prepare('SELECT hash FROM app_keys WHERE app = ? ORDER BY id DESC')
      .pluck() as Database.Statement<[AppKey], Buffer>
    this.#insertKey = database.prepare('INSERT INTO app_keys (app, hash, created) VALUES (?, ?, ?)')
    this.#retireKeys = database.prepare(
      `DELETE FROM app_keys WHERE app = ?
       AND id NOT IN (SELECT id FROM app_keys WHERE app = ? ORDER BY id DESC LIMIT ${LIVE_KEYS})`,
    )
  }

  /** A new application with one API key. */
  add(name: string, wallMs: number): { app: AppRow; apiKey: string } {
    const { lastInsertRowid } = this.#insert.run(randomBytes(8), name, wallMs)
    return this.#withNewKey(Number(lastInsertRowid), wallMs)
  }

  all(): AppRow[] {
    return this.#all.all().map((record) => this.#row(record))
  }

  /**
   * Removes an application and its keys.
   *
   * @param appId `app_` and 16 hex digits.
   * @returns what it was, or null.
   */
  remove(appId: string): AppRow | null {
    const record = this.#find(appId)
    if (record === null) return null
    const row = this.#row(record)
    this.#delete.run(record.app)
    return row
  }

  /** Adds an API key; only the newest two stay. Null if there is no such application. */
  rotate(appId: string, wallMs: number): { app: AppRow; apiKey: string } | null {
    const record = this.#find(appId)
    return record === null ? null : this.#withNewKey(record.app, wallMs)
  }

  #withNewKey(app: AppKey, wallMs: number): { app: AppRow; apiKey: string } {
    const apiKey = `pl_${base64url(randomBytes(32))}`
    this.#insertKey.run(app, apiKeyHash(apiKey), wallMs)
    this.#retireKeys.run(app, app)
    return { app: this.#row(this.#byKey.get(app) as AppRecord), apiKey }
  }

  #find(appId: string): AppRecord | null {
    if (!/^app_[0-9a-f]{16}$/.test(appId)) return null
    return this.#byAppId.get(fromHex(appId.slice(4))) ?? null
  }

  #row(record: AppRecord): AppRow {
    const keyHashes = this.#hashes.all(record.app).map((hash) => new Uint8Array(hash))
    return { ...record, appId: new Uint8Array(record.appId), keyHashes }
  }
}
