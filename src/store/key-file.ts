/**
 * The key file: every long-lived secret of the server, apart from the database, so that a copy of the database alone
 * opens nothing. JSON, mode 0600; each key 32 B in base64url.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { base64url, fromBase64url } from '../base/base64.js'
import { PilotlightError } from '../base/errors.js'
import { utf8Bytes } from '../base/text.js'
import { KEY_BYTES } from '../crypto/crypto.js'
import { writeSecretFile } from './durable-file.js'
import type { ServerKeys } from './store.js'
import { storeError } from './store-error.js'

/** Format of the file, as opposed to the version of the keys in it. */
const FORMAT = 1

/** How long the last static key is accepted after a rotation: 60 days. */
export const LAST_KEY_MS = 60 * 24 * 3_600_000

/** One static X25519 secret. */
interface StaticKey {
  secret: Uint8Array
  /** Unix ms of the rotation that replaced it; 0 while it is current */
  replacedMs: number
}

/** The key file, parsed. */
export interface KeyFile {
  /** grows with each rotation, 1.. */
  version: number
  /** seals rows of the database */
  masterKey: Uint8Array
  /** current first, then at most one last */
  statics: StaticKey[]
  cidKey: Uint8Array
  resetKey: Uint8Array
  puidKey: Uint8Array
}

/** Fresh random keys, version 1. */
export function newKeyFile(): KeyFile {
  return {
    version: 1,
    masterKey: randomKey(),
    statics: [{ secret: randomKey(), replacedMs: 0 }],
    cidKey: randomKey(),
    resetKey: randomKey(),
    puidKey: randomKey(),
  }
}

/**
 * Reads the key file.
 *
 * @returns null if there is none.
 * @throws PilotlightError PL_KEYS_OPEN if group or world may read or write it, PL_KEYS_INVALID, PL_STORE_NEWER,
 *   PL_STORE_FOLDER.
 */
export function readKeyFile(file: string): KeyFile | null {
  try {
    if (!existsSync(file)) return null
    // Windows has no such bits, and reports some.
    if (process.platform !== 'win32' && (statSync(file).mode & 0o077) !== 0) {
      throw new PilotlightError('PL_KEYS_OPEN', file)
    }
    return parseKeyFile(readFileSync(file, 'utf8'), file)
  } catch (error) {
    throw storeError(error, file)
  }
}

/**
 * Writes the key file whole and synced, mode 0600.
 *
 * @throws PilotlightError PL_STORE_FOLDER, PL_STORE_FULL; the old file stays then.
 */
export function writeKeyFile(file: string, keys: KeyFile): void {
  try {
    writeSecretFile(file, utf8Bytes(keyFileText(keys)))
  } catch (error) {
    throw storeError(error, file)
  }
}

/** The key file's text. */
export function keyFileText(keys: KeyFile): string {
  const statics = keys.statics.map(({ secret, replacedMs }) => ({ secret: base64url(secret), replacedMs }))
  const { version, masterKey, cidKey, resetKey, puidKey } = keys
  const single = {
    masterKey: base64url(masterKey),
    cidKey: base64url(cidKey),
    resetKey: base64url(resetKey),
    puidKey: base64url(puidKey),
  }
  return `${JSON.stringify({ format: FORMAT, version, ...single, statics }, null, 2)}\n`
}

/**
 * Parses the key file's text.
 *
 * @param text as `keyFileText` gives it.
 * @param file its name, for errors.
 * @throws PilotlightError PL_KEYS_INVALID, or PL_STORE_NEWER for a later format.
 */
export function parseKeyFile(text: string, file: string): KeyFile {
  const record = parseRecord(text)
  const format = record?.['format']
  if (typeof format === 'number' && format > FORMAT) throw new PilotlightError('PL_STORE_NEWER', file)
  const version = record?.['version']
  const statics = staticKeys(record?.['statics'])
  const single = ['masterKey', 'cidKey', 'resetKey', 'puidKey'].map((name) => keyOf(record?.[name]))
  const [masterKey, cidKey, resetKey, puidKey] = single
  if (format !== FORMAT || typeof version !== 'number' || !Number.isSafeInteger(version) || version < 1) {
    throw new PilotlightError('PL_KEYS_INVALID', file)
  }
  if (!masterKey || !cidKey || !resetKey || !puidKey || statics === null) {
    throw new PilotlightError('PL_KEYS_INVALID', file)
  }
  return { version, masterKey, statics, cidKey, resetKey, puidKey }
}

/** The same keys with a new static key in front; the one that was current stays accepted, an older one does not. */
export function rotatedKeys(keys: KeyFile, wallMs: number): KeyFile {
  const last = keys.statics.slice(0, 1).map(({ secret }) => ({ secret, replacedMs: wallMs }))
  return { ...keys, version: keys.version + 1, statics: [{ secret: randomKey(), replacedMs: 0 }, ...last] }
}

/** The same keys without a static key that was replaced more than 60 days ago; the same object if there is none. */
export function withoutOldKeys(keys: KeyFile, wallMs: number): KeyFile {
  const statics = keys.statics.filter(({ replacedMs }) => replacedMs === 0 || wallMs < replacedMs + LAST_KEY_MS)
  return statics.length === keys.statics.length ? keys : { ...keys, statics }
}

/** What the server needs of the key file; fresh arrays. */
export function serverKeys(keys: KeyFile): ServerKeys {
  return {
    version: keys.version,
    staticSecrets: keys.statics.map(({ secret }) => new Uint8Array(secret)),
    cidKey: new Uint8Array(keys.cidKey),
    resetKey: new Uint8Array(keys.resetKey),
    puidKey: new Uint8Array(keys.puidKey),
  }
}

function randomKey(): Uint8Array {
  return new Uint8Array(randomBytes(KEY_BYTES))
}

function parseRecord(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null
  } catch {
    return null
  }
}

function staticKeys(value: unknown): StaticKey[] | null {
  if (!Array.isArray(value) || value.length < 1 || value.length > 2) return null
  const keys: StaticKey[] = []
  for (const entry of value as Record<string, unknown>[]) {
    const secret = keyOf(entry?.['secret'])
    const replacedMs = entry?.['replacedMs']
    if (secret === null || typeof replacedMs !== 'number') return null
    keys.push({ secret, replacedMs })
  }
  return keys
}

function keyOf(value: unknown): Uint8Array | null {
  const key = typeof value === 'string' ? fromBase64url(value) : null
  return key?.length === KEY_BYTES ? key : null
}
