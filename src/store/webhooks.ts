import type Database from 'better-sqlite3'
import type { AppKey } from '../hub/message.js'
import { type RowSealer, rowPlace } from './row-sealer.js'
import type { WebhookRow } from './store.js'

/** How applications are told by webhook; opaque here, and sealed, since it holds the secrets that sign. */
export class WebhookConfigs {
  readonly #sealer: RowSealer
  readonly #put: Database.Statement<[AppKey, Uint8Array]>
  readonly #delete: Database.Statement<[AppKey]>
  readonly #exists: Database.Statement<[AppKey], number>
  readonly #all: Database.Statement<[], { app: AppKey; config: Buffer }>

  constructor(database: Database.Database, sealer: RowSealer) {
    this.#sealer = sealer
    this.#put = database.prepare(
      'INSERT INTO webhooks (app, config) VALUES (?, ?) ON CONFLICT (app) DO UPDATE SET config = excluded.config',
    )
    this.#delete = database.prepare('DELETE FROM webhooks WHERE app = ?')
    this.#exists = database.prepare('SELECT 1 FROM apps WHERE id = ?').pluck() as Database.Statement<[AppKey], number>
    this.#all = database.prepare('SELECT app, config FROM webhooks ORDER BY app')
  }

  /** Sets or, with null, removes the configuration of an application. @returns false: there is no such application. */
  put(app: AppKey, config: Uint8Array | null): boolean {
    if (this.#exists.get(app) === undefined) return false
    if (config === null) this.#delete.run(app)
    else this.#put.run(app, this.#sealer.seal(place(app), config))
    return true
  }

  /** All configurations. @param onUnreadable called for each that does not open. */
  all(onUnreadable: () => void = () => {}): WebhookRow[] {
    return this.#all.all().flatMap(({ app, config: sealed }) => {
      const config = this.#sealer.open(place(app), sealed)
      if (config === null) onUnreadable()
      return config === null ? [] : [{ app, config }]
    })
  }
}

function place(app: AppKey): Uint8Array {
  return rowPlace('webhooks.config', app)
}
