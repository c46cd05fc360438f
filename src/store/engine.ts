import { statfsSync, statSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import type Database from 'better-sqlite3'
import { PilotlightError } from '../base/errors.js'
import { ascii } from '../base/text.js'
import type { Crypto } from '../crypto/crypto.js'
import { SLOTS_PER_PART } from '../endpoint/device-handle.js'
import { writeBackup } from './backup.js'
import type { Call } from './call.js'
import { storeCalls } from './calls.js'
import { openDatabase, truncateWal, walBytes } from './database.js'
import { makeFolder, removePartials } from './durable-file.js'
import { databaseFile } from './folder-layout.js'
import { type FolderLock, lockFolder } from './folder-lock.js'
import { GroupCommit, type Outcome } from './group-commit.js'
import { Health, type StoreNotice } from './health.js'
import {
  type KeyFile,
  keyFileText,
  newKeyFile,
  readKeyFile,
  rotatedKeys,
  serverKeys,
  withoutOldKeys,
  writeKeyFile,
} from './key-file.js'
import type { DevicePart, PersonPart } from './parts.js'
import { finishRestore } from './restore.js'
import { RowSealer, rowPlace } from './row-sealer.js'
import type { Boot, ServerKeys } from './store.js'
import { storeError } from './store-error.js'
import { openTables, type Tables } from './tables.js'
import { WRITE_BEHIND_ROWS } from './write-behind.js'

/** Bytes of the WAL at which it is moved into the database: some tens of milliseconds of work. */
const WAL_BYTES = 8 * 1024 * 1024

/** With less room than this the disk counts as full: the next commits may still pass, but not for long. */
const FREE_BYTES_MIN = 512 * 1024

/** What `openEngine` needs. */
export interface EngineOptions {
  /** made with mode 0700 if it is missing */
  folder: string
  keyFile: string
  crypto: Crypto
  /** makes a database where there is none but a key file; default false: PL_STORE_MISSING */
  newDatabase?: boolean
  /** hears what goes wrong where nobody waits */
  onNotice?: (notice: StoreNotice) => void
  /** a clock that never goes back, ms; another one only in tests */
  monotonicMs?: () => number
}

/**
 * The store without a thread around it: synchronous, so that it owns SQLite alone. Takes the folder, finishes a restore
 * that was cut off, reads or makes the key file, opens the database.
 *
 * @throws PilotlightError PL_STORE_..., PL_KEYS_...
 */
export function openEngine(options: EngineOptions): Engine {
  const { folder, keyFile } = options
  makeFolder(folder)
  const lock = lockFolder(folder)
  let database: Database.Database | null = null
  try {
    removePartials(folder)
    finishRestore(folder, keyFile)
    const read = readKeyFile(keyFile)
    if (read !== null && options.newDatabase !== true) expectDatabase(databaseFile(folder))
    database = openDatabase(databaseFile(folder))
    const keys = read ?? newKeyFile()
    const sealer = new RowSealer(options.crypto, keys.masterKey)
    const checked = checkKeys(database, sealer, read !== null, keyFile)
    if (read === null) writeKeyFile(keyFile, keys)
    if (!checked) writeKeyCheck(database, sealer)
    return new Engine(options, lock, database, keys)
  } catch (error) {
    database?.close()
    lock.release()
    throw storeError(error, folder)
  }
}

/** See `openEngine`. */
export class Engine {
  readonly #folder: string
  readonly #keyFile: string
  readonly #health: Health
  readonly #lock: FolderLock
  readonly #tables: Tables
  readonly #commit: GroupCommit
  /** a write that changes nothing */
  readonly #touch: Database.Statement
  readonly #setBoot: Database.Statement<[number], number>
  readonly #monotonicMs: () => number
  /** the caller's wall time, and when it was told */
  #toldWallMs = Date.now()
  #toldAtMs: number
  #keys: KeyFile
  /** of devices, that were not read since `boot` */
  #partsToLoad = 0
  #closed = false

  constructor(options: EngineOptions, lock: FolderLock, database: Database.Database, keys: KeyFile) {
    this.#keyFile = options.keyFile
    this.#lock = lock
    this.#keys = keys
    this.#monotonicMs = options.monotonicMs ?? (() => performance.now())
    this.#toldAtMs = this.#monotonicMs()
    this.#folder = options.folder
    this.#health = new Health(options.onNotice)
    this.#tables = openTables(database, options.crypto, keys.masterKey, this.#health)
    this.#commit = new GroupCommit(
      this.#tables,
      storeCalls(this.#tables, () => this.#wallMs()),
      this.#health,
    )
    this.#touch = database.prepare('UPDATE meta SET boot_seconds = boot_seconds')
    this.#setBoot = database
      .prepare('UPDATE meta SET boot_seconds = max(boot_seconds + 1, ?) RETURNING boot_seconds')
      .pluck() as Database.Statement<[number], number>
  }

  /** Rows that wait in the write-behind. */
  get waitingRows(): number {
    return this.#tables.writeBehind.rows
  }

  /** Runs calls in one transaction; see `GroupCommit.run`. */
  run(calls: readonly Call[]): Outcome[] {
    const outcomes = this.#commit.run(calls)
    if (walBytes(this.#tables.database) > WAL_BYTES) this.#cutWal()
    return outcomes
  }

  /**
   * Writes what waits in the write-behind, at most `WRITE_BEHIND_ROWS` of it, so that calls need not wait for long.
   *
   * @throws PilotlightError, usually PL_STORE_FULL; the rows are kept then.
   */
  flush(): void {
    if (this.waitingRows > 0) this.#alone(() => {}, WRITE_BEHIND_ROWS)
    if (walBytes(this.#tables.database) > WAL_BYTES) this.#cutWal()
  }

  /** See `Store.boot`. From here on the store's clock goes on from `wallMs`. */
  boot(wallMs: number): Boot {
    this.#toldWallMs = wallMs
    this.#toldAtMs = this.#monotonicMs()
    const { apps, devices, rings, grants, webhooks, clockSeconds } = this.#tables
    this.#keepKeys(withoutOldKeys(this.#keys, wallMs))
    const bootSeconds = this.#alone(() => {
      this.#expire(wallMs)
      return this.#setBoot.get(Math.floor(wallMs / 1000)) as number
    })
    this.#cutWal()
    const loaded = rings.load()
    const waiting = grants.load()
    let unreadable = loaded.unreadable + waiting.unreadable
    const keys = serverKeys(this.#keys)
    const known = { apps: apps.all(), webhooks: webhooks.all(() => unreadable++) }
    const { rings: inFlight, outcomes } = loaded
    const { slots } = devices
    this.#partsToLoad = Math.ceil(slots / SLOTS_PER_PART)
    return {
      bootSeconds,
      clockSeconds: clockSeconds(),
      keys,
      slots,
      ...known,
      rings: inFlight,
      outcomes,
      grants: waiting.rows,
      unreadable,
    }
  }

  /** See `Store.persons`. */
  persons(from: number): PersonPart {
    return this.#tables.accounts.part(from)
  }

  /** See `Store.devices`. */
  devices(part: number): DevicePart {
    const { database, devices } = this.#tables
    const read = devices.part(part)
    // All pages of the table have been in the cache once; what comes now are single rows.
    if (--this.#partsToLoad === 0) database.pragma('shrink_memory')
    return read
  }

  /** See `Store.rotateKeys`. */
  rotateKeys(wallMs: number): ServerKeys {
    this.#keepKeys(rotatedKeys(this.#keys, wallMs))
    return serverKeys(this.#keys)
  }

  /** See `Store.backup`. Other calls may run while it copies. */
  async backup(file: string): Promise<{ bytes: number }> {
    this.#alone(() => {})
    return writeBackup(this.#tables.database, file, keyFileText(this.#keys))
  }

  /**
   * Housekeeping, to be called about once a minute: deletes what is over, destroys keys of hours without rows, and cuts
   * the WAL, so that no deleted byte stays there.
   *
   * @throws PilotlightError, usually PL_STORE_FULL; the next call tries again.
   */
  tidy(): void {
    const wallMs = this.#wallMs()
    this.#alone(() => this.#expire(wallMs))
    if (walBytes(this.#tables.database) > 0) this.#cutWal()
  }

  /** Looks whether the disk has room; after a commit has failed, whether one can be made again. Every few seconds. */
  check(): void {
    if (freeBytes(this.#folder) < FREE_BYTES_MIN) {
      this.#health.fails(new PilotlightError('PL_STORE_FULL', this.#folder))
      return
    }
    if (!this.#health.isFailing) return
    try {
      this.#commit.alone(() => this.#touch.run(), WRITE_BEHIND_ROWS)
      this.#health.recovered()
    } catch {
      // Told already.
    }
  }

  /** Tells of what goes wrong where nobody waits. */
  warn(error: unknown): void {
    this.#health.warn(error)
  }

  /**
   * Writes all, cuts the WAL, gives the folder free. Does that last in any case.
   *
   * @throws PilotlightError if something could not be written.
   */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    const { database, rings } = this.#tables
    try {
      this.#alone(() => rings.expire(this.#wallMs(), true))
      this.#cutWal()
    } finally {
      database.close()
      this.#lock.release()
    }
  }

  #expire(wallMs: number): void {
    const { codes, rings, grants, sessions } = this.#tables
    codes.expire(wallMs)
    rings.expire(wallMs)
    grants.expire(wallMs)
    sessions.expire(wallMs)
  }

  #alone<Result>(body: () => Result, rows?: number): Result {
    try {
      return this.#commit.alone(body, rows)
    } catch (error) {
      throw storeError(error)
    }
  }

  #keepKeys(keys: KeyFile): void {
    if (keys === this.#keys) return
    writeKeyFile(this.#keyFile, keys)
    this.#keys = keys
  }

  /** On a full disk the WAL just stays; nothing is lost by that. */
  #cutWal(): void {
    try {
      truncateWal(this.#tables.database)
    } catch {
      // The next commit or tidy() tries again, and reports what it cannot do.
    }
  }

  #wallMs(): number {
    return Math.floor(this.#toldWallMs + this.#monotonicMs() - this.#toldAtMs)
  }
}

/**
 * Where there is a key file there was a database: without it everything that was enrolled is gone, and a fresh one would
 * hide the loss.
 *
 * @throws PilotlightError PL_STORE_MISSING.
 */
function expectDatabase(file: string): void {
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) === 0) throw new PilotlightError('PL_STORE_MISSING', file)
}

/** Bytes that this user may still write. */
function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder)
  return bavail * bsize
}

const KEY_CHECK_PLACE = rowPlace('meta.key_check')

/**
 * Whether the database names its key file already.
 *
 * @throws PilotlightError PL_KEYS_MISSING, PL_KEYS_WRONG.
 */
function checkKeys(database: Database.Database, sealer: RowSealer, keysRead: boolean, keyFile: string): boolean {
  const check = database.prepare('SELECT key_check FROM meta').pluck().get() as Uint8Array | null
  if (check === null) return false
  if (!keysRead) throw new PilotlightError('PL_KEYS_MISSING', keyFile)
  if (sealer.open(KEY_CHECK_PLACE, check) === null) throw new PilotlightError('PL_KEYS_WRONG', keyFile)
  return true
}

function writeKeyCheck(database: Database.Database, sealer: RowSealer): void {
  database.prepare('UPDATE meta SET key_check = ?').run(sealer.seal(KEY_CHECK_PLACE, ascii('pilotlight')))
}
