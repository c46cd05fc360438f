/**
 * The stored form of a device: everything that must outlive its process, as UTF-8 JSON. Byte strings are base64url.
 * It holds keys in the clear: the storage protects it (mode 0600 on a computer, the key store of a phone).
 *
 * | field | content |
 * |---|---|
 * | form | 1 |
 * | device | static public key of the device that it belongs to |
 * | boot | seconds of the last boot value, wire-spec §5.3 |
 * | stamp | of the last message 1, Unix ms, [R-4.1-2] |
 * | serverKeys | static public keys, the one to try first first, §12.3 |
 * | session | `session/saved.ts`, with connection IDs and tokens, or null |
 * | list | version, plaintext (§10), list key or null, whether that key is proven, edits not committed |
 * | keyRequest | nonce and end (Unix ms) of our open request for the list key, or null, §11 |
 * | learnt | networks, see `learning/network-memory.ts`; missing in states of before |
 * | seen, missed | rings, see `seen-rings.ts` |
 */
import { base64url, fromBase64url } from '../base/base64.js'
import { utf8Bytes, utf8Text } from '../base/text.js'
import { KEY_BYTES } from '../crypto/crypto.js'
import { decodePersonList, encodePersonList, type PersonList } from '../frame/person-list.js'
import { DeviceError } from './device-error.js'
import { type KeyRequest, REQUEST_NONCE_BYTES } from './key-transfer.js'
import type { ListEdit } from './list-edit.js'
import { emptyListMemory, type ListMemory } from './list-replica.js'
import { type MissedStored, SeenRings, type SeenStored } from './seen-rings.js'

const FORM = 1

/** What a device remembers over a restart. */
export interface DeviceState {
  /** seconds of the last boot value; 0 none */
  bootSeconds: number
  /** Unix ms; 0 none */
  stampMs: number
  /** 32 B each; empty: those of the credentials */
  serverKeys: Uint8Array[]
  /** saved session, or null */
  session: Uint8Array | null
  list: ListMemory
  keyRequest: KeyRequest | null
  /** rows of `NetworkMemory`; what makes no sense is left out there */
  learnt: readonly unknown[]
  seen: SeenRings
}

/** The state of a device that was never started. */
export function newDeviceState(): DeviceState {
  return {
    bootSeconds: 0,
    stampMs: 0,
    serverKeys: [],
    session: null,
    list: emptyListMemory(),
    keyRequest: null,
    learnt: [],
    seen: new SeenRings(),
  }
}

/**
 * Writes the stored form.
 *
 * @param publicKey 32 B, of the device.
 * @returns fresh bytes.
 */
export function writeDeviceState(state: DeviceState, publicKey: Uint8Array): Uint8Array {
  const { list, keyRequest } = state
  const [seen, missed] = state.seen.toStored()
  return utf8Bytes(
    JSON.stringify({
      form: FORM,
      device: base64url(publicKey),
      boot: state.bootSeconds,
      stamp: state.stampMs,
      serverKeys: state.serverKeys.map(base64url),
      session: state.session === null ? null : base64url(state.session),
      list: {
        version: list.version,
        plain: listText(list.list),
        key: list.listKey === null ? null : base64url(list.listKey),
        proven: list.isKeyProven,
        edits: list.edits,
      },
      keyRequest: keyRequest === null ? null : { nonce: base64url(keyRequest.nonce), until: keyRequest.untilWallMs },
      learnt: state.learnt,
      seen,
      missed,
    }),
  )
}

/** Lists never change, states are written with every ring: of each list the text is kept. */
const listTexts = new WeakMap<PersonList, string>()

function listText(list: PersonList): string {
  const known = listTexts.get(list)
  if (known !== undefined) return known
  const text = base64url(encodePersonList(list))
  listTexts.set(list, text)
  return text
}

/**
 * Reads the stored form.
 *
 * @param bytes     as `writeDeviceState` made them.
 * @param publicKey 32 B, of the device.
 * @returns the state; a new one if these bytes are another device's: the computer was enrolled anew, maybe by another
 *   person.
 * @throws DeviceError PL_BAD_STORED if they are no state, or of a later form.
 */
export function readDeviceState(bytes: Uint8Array, publicKey: Uint8Array): DeviceState {
  let stored: Record<string, unknown>
  try {
    stored = JSON.parse(utf8Text(bytes) ?? '') as Record<string, unknown>
  } catch {
    throw bad('not JSON')
  }
  if (typeof stored !== 'object' || stored === null || stored['form'] !== FORM) throw bad('unknown form')
  if (stored['device'] !== base64url(publicKey)) return newDeviceState()
  try {
    return stateOf(stored)
  } catch (error) {
    throw error instanceof DeviceError ? error : bad('a field is missing')
  }
}

function stateOf(stored: Record<string, unknown>): DeviceState {
  return {
    bootSeconds: wholeNumber(stored['boot'], 'boot'),
    stampMs: wholeNumber(stored['stamp'], 'stamp'),
    serverKeys: array(stored['serverKeys'], 'serverKeys').map((key) => bytesOf(key, 'serverKeys', KEY_BYTES)),
    session: stored['session'] === null ? null : bytesOf(stored['session'], 'session'),
    list: listOf(stored['list'] as Record<string, unknown>),
    keyRequest: keyRequestOf(stored['keyRequest'] as Record<string, unknown> | null),
    learnt: Array.isArray(stored['learnt']) ? stored['learnt'] : [],
    seen: SeenRings.fromStored(
      array(stored['seen'], 'seen') as SeenStored[],
      array(stored['missed'], 'missed') as MissedStored[],
    ),
  }
}

function listOf(stored: Record<string, unknown>): ListMemory {
  const list = decodePersonList(bytesOf(stored['plain'], 'list'))
  if (list === null) throw bad('list')
  return {
    version: wholeNumber(stored['version'], 'list version'),
    list,
    listKey: stored['key'] === null ? null : bytesOf(stored['key'], 'list key', KEY_BYTES),
    isKeyProven: stored['proven'] === true,
    edits: array(stored['edits'], 'edits') as ListEdit[],
  }
}

function keyRequestOf(stored: Record<string, unknown> | null): KeyRequest | null {
  if (stored === null) return null
  return {
    nonce: bytesOf(stored['nonce'], 'nonce', REQUEST_NONCE_BYTES),
    untilWallMs: wholeNumber(stored['until'], 'until'),
  }
}

function bytesOf(value: unknown, name: string, length = -1): Uint8Array {
  const bytes = typeof value === 'string' ? fromBase64url(value) : null
  if (bytes === null || (length >= 0 && bytes.length !== length)) throw bad(name)
  return bytes
}

function wholeNumber(value: unknown, name: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw bad(name)
  return value as number
}

function array(value: unknown, name: string): unknown[] {
  if (!Array.isArray(value)) throw bad(name)
  return value
}

function bad(detail: string): DeviceError {
  return new DeviceError('PL_BAD_STORED', detail)
}
