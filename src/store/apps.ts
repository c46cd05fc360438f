import { randomBytes } from 'node:crypto'
import type Database from 'better-sqlite3'
import { fromHex } from '../base/bytes.js'
import type { AppKey, PersonKey } from '../hub/message.js'
import { ApiKeys } from './app-keys.js'
import { type AppDetails, type AppRow, type NewApp, type NewKey, type Owner, SCOPES } from './app-row.js'

const COLUMNS = `id AS app, app_id AS appId, name, created AS createdMs, owner, redirect_uris AS redirectUris,
  home_page AS homePage, domain, domain_verified AS domainVerifiedMs FROM apps`

interface AppRecord extends Omit<AppRow, 'appId' | 'redirectUris' | 'keys'> {
  appId: Buffer
  redirectUris: string
}

/** A live key with the scopes of the last one. */
const NEXT_KEY: NewKey = { mode: 'live', scopes: null }

/** Applications and their API keys. */
export class Apps {
  readonly #keys: ApiKeys
  readonly #insert: Database.Statement<[Uint8Array, string, number, Owner, string, string, string]>
  readonly #all: Database.Statement<[], AppRecord>
  readonly #page: Database.Statement<[AppKey, Owner, Owner, number], AppRecord>
  readonly #count: Database.Statement<[PersonKey], number>
  readonly #byKey: Database.Statement<[AppKey], AppRecord>
  readonly #byAppId: Database.Statement<[Uint8Array], AppRecord>
  readonly #delete: Database.Statement<[AppKey]>
  readonly #change: Database.Statement<[string, string, string, string, number, AppKey]>
  readonly #verify: Database.Statement<[number, AppKey, string]>

  constructor(database: Database.Database) {
    this.#keys = new ApiKeys(database)
    this.#insert = database.prepare(
      'INSERT INTO apps (app_id, name, created, owner, redirect_uris, home_page, domain) VALUES (?, ?, ?, ?, ?, ?, ?)',
    )
    this.#all = database.prepare(`SELECT ${COLUMNS} ORDER BY id`)
    this.#page = database.prepare(`SELECT ${COLUMNS} WHERE id > ? AND (? IS NULL OR owner = ?) ORDER BY id LIMIT ?`)
    this.#count = database.prepare('SELECT count(*) FROM apps WHERE owner = ?').pluck() as Database.Statement<
      [PersonKey],
      number
    >
    this.#byKey = database.prepare(`SELECT ${COLUMNS} WHERE id = ?`)
    this.#byAppId = database.prepare(`SELECT ${COLUMNS} WHERE app_id = ?`)
    this.#delete = database.prepare('DELETE FROM apps WHERE id = ?')
    this.#change = database.prepare(
      'UPDATE apps SET name = ?, redirect_uris = ?, home_page = ?, domain = ?, domain_verified = ? WHERE id = ?',
    )
    this.#verify = database.prepare('UPDATE apps SET domain_verified = ? WHERE id = ? AND domain = ?')
  }

  /** A new application with one API key. */
  add(name: string, wallMs: number, more: NewApp = {}): { app: AppRow; apiKey: string } {
    const { owner = null, redirectUris = [], homePage = '', domain = '' } = more
    const { mode = 'live', scopes = null } = more
    const uris = JSON.stringify(redirectUris)
    const { lastInsertRowid } = this.#insert.run(randomBytes(8), name, wallMs, owner, uris, homePage, domain)
    return this.addKey(Number(lastInsertRowid), wallMs, { mode, scopes })
  }

  all(): AppRow[] {
    return this.#all.all().map((record) => this.#row(record))
  }

  /** Applications of one developer, or of all, after a number. */
  page(owner: Owner, after: AppKey, limit: number): AppRow[] {
    return this.#page.all(after, owner, owner, limit).map((record) => this.#row(record))
  }

  /** Number of a developer's applications. */
  countOf(owner: PersonKey): number {
    return this.#count.get(owner) as number
  }

  /** The application with a text id, or null. @param appId `app_` and 16 hex digits. */
  find(appId: string): AppRow | null {
    if (!/^app_[0-9a-f]{16}$/.test(appId)) return null
    const record = this.#byAppId.get(fromHex(appId.slice(4)))
    return record === undefined ? null : this.#row(record)
  }

  /** Removes an application and its keys. @returns what it was, or null. */
  remove(appId: string): AppRow | null {
    const row = this.find(appId)
    if (row !== null) this.#delete.run(row.app)
    return row
  }

  /** Changes what is said of an application. Another domain is not verified yet. */
  change(app: AppRow, details: Partial<AppDetails>): AppRow {
    const { name, redirectUris, homePage, domain } = { ...app, ...details }
    const verifiedMs = domain === app.domain ? app.domainVerifiedMs : 0
    this.#change.run(name, JSON.stringify(redirectUris), homePage, domain, verifiedMs, app.app)
    return this.#get(app.app)
  }

  /** Notes that a domain was found to name the application, if it is still its domain. */
  setDomainVerified(app: AppKey, domain: string, wallMs: number): void {
    this.#verify.run(wallMs, app, domain)
  }

  /** Adds an API key; of each mode only the newest two stay. */
  addKey(app: AppKey, wallMs: number, { mode, scopes }: NewKey): { app: AppRow; apiKey: string } {
    const last = this.#keys.ofApp(app).find((key) => key.mode === mode)
    const apiKey = this.#keys.add(app, mode, scopes ?? last?.scopes ?? SCOPES, wallMs)
    return { app: this.#get(app), apiKey }
  }

  /** As `addKey`, by text id. Null if there is no such application. */
  rotate(appId: string, wallMs: number, key: NewKey = NEXT_KEY): { app: AppRow; apiKey: string } | null {
    const row = this.find(appId)
    return row === null ? null : this.addKey(row.app, wallMs, key)
  }

  /** Ends a key. @returns false if there is none. */
  removeKey(app: AppKey, keyId: string): boolean {
    return this.#keys.remove(app, keyId)
  }

  #get(app: AppKey): AppRow {
    return this.#row(this.#byKey.get(app) as AppRecord)
  }

  #row({ appId, redirectUris, ...rest }: AppRecord): AppRow {
    return {
      ...rest,
      appId: new Uint8Array(appId),
      redirectUris: JSON.parse(redirectUris) as string[],
      keys: this.#keys.ofApp(rest.app),
    }
  }
}
