/**
 * A session as the store keeps it, big-endian: `SAVED_SESSION_BYTES`, and at a server `PROMISE_BYTES` more while a step
 * with keys is promised.
 *
 * | offset | bytes | field |
 * |---|---|---|
 * | 0 | 1 | version of this form: 1 |
 * | 1 | 1 | 0 saved by a server, 1 by a device |
 * | 2 | 2 | bit 0: the device acked the spare (server), or a spare is held (device) |
 * | 4 | 32 | root |
 * | 36 | 12 | D |
 * | 48 | 12 | device: S. server: zero, as a process that loads it begins with its own |
 * | 60 | 36 | server: h 6 (all ones: none), failed opens 6, proven address 18, custom silence 2, announced key 4 |
 * | | | device: connection ID 5, token 12, spare ID 5, spare token 12, 2 zero bytes |
 * | 96 | 1 | epoch |
 * | 97 | 1 | server: 0 no step is promised, 1 a symmetric one, 2 one with keys. device: 0 |
 * | 98 | 12 | server: 0. device: Unix ms of the last step with keys 6, of the last step of any kind 6 |
 * | 110 | 2 | zero |
 * | 112 | 96 | only after a 2: next root, the device's public key, the server's |
 *
 * Send numbers are not saved: every process begins new keys (wire-spec §5.3).
 */
import { ADDRESS_BYTES } from '../base/address.js'
import { concat, readU16, readU32, readU48, writeU16, writeU32, writeU48 } from '../base/bytes.js'
import { KEY_BYTES } from '../crypto/crypto.js'
import { NO_NUMBER } from '../packet/packet-number.js'
import { startWindow } from '../packet/replay-window.js'
import type { SessionContext } from './context.js'
import { changeDeviceBoot } from './keys.js'
import { Offset, SessionFlag } from './record.js'
import type { SessionView } from './view.js'

/** Bytes of a saved session. */
export const SAVED_SESSION_BYTES = 112

/** Bytes that a promised step with keys adds. */
export const PROMISE_BYTES = 96

/** A step with keys that a server has promised: the root that follows. wire-spec §5.6 */
export interface PromisedStep {
  /** 32 B, a secret */
  readonly root: Uint8Array
  /** 32 B, of the STEP */
  readonly deviceKey: Uint8Array
  /** 32 B, of the STEPPED */
  readonly serverKey: Uint8Array
}

/** When a device took its last steps, or handshook, Unix ms. */
export interface StepTimes {
  /** of the last step with keys */
  keyMs: number
  /** of the last step of any kind */
  stepMs: number
}

const VERSION = 1
const ROOT_AT = 4
const DEVICE_BOOT_AT = 36
const SERVER_BOOT_AT = 48
const HIGH_AT = 60
const FAILED_OPENS_AT = 66
const ADDRESS_AT = 72
const CUSTOM_SILENCE_AT = 90
const ANNOUNCED_KEY_AT = 92
const IDS_AT = 60
const IDS_BYTES = 34
const EPOCH_AT = 96
const PROMISE_KIND_AT = 97
const KEY_STEP_AT = 98
const STEP_AT = 104
const PROMISED = { none: 0, symmetric: 1, keys: 2 }
const NO_NUMBER_SAVED = 2 ** 48 - 1

/**
 * The saved form of the session that the view stands at.
 *
 * @param promise at a server: the step with keys that is promised, or null.
 * @returns fresh bytes, with keys in the clear: the store seals them.
 */
export function saveSession(view: SessionView, promise: PromisedStep | null = null): Uint8Array {
  const saved = new Uint8Array(SAVED_SESSION_BYTES + (promise === null ? 0 : PROMISE_BYTES))
  const server = view.role === 'server'
  saved[0] = VERSION
  saved[1] = server ? 0 : 1
  writeU16(saved, 2, view.has(server ? SessionFlag.spareKnown : SessionFlag.hasSpare) ? 1 : 0)
  view.read(Offset.root, saved.subarray(ROOT_AT, DEVICE_BOOT_AT))
  view.read(Offset.deviceBoot, saved.subarray(DEVICE_BOOT_AT, SERVER_BOOT_AT))
  saved[EPOCH_AT] = view.epoch
  if (!server) {
    view.read(Offset.serverBoot, saved.subarray(SERVER_BOOT_AT, HIGH_AT))
    view.read(Offset.cid, saved.subarray(IDS_AT, IDS_AT + IDS_BYTES))
    return saved
  }
  writeU48(saved, HIGH_AT, view.high === NO_NUMBER ? NO_NUMBER_SAVED : view.high)
  writeU48(saved, FAILED_OPENS_AT, view.failedOpens)
  view.read(Offset.address, saved.subarray(ADDRESS_AT, ADDRESS_AT + ADDRESS_BYTES))
  writeU16(saved, CUSTOM_SILENCE_AT, view.customSilenceS)
  writeU32(saved, ANNOUNCED_KEY_AT, view.announcedKey)
  if (view.has(SessionFlag.stepPromised)) saved[PROMISE_KIND_AT] = PROMISED.symmetric
  if (promise === null) return saved
  saved[PROMISE_KIND_AT] = PROMISED.keys
  saved.set(concat(promise.root, promise.deviceKey, promise.serverKey), SAVED_SESSION_BYTES)
  return saved
}

/** The step with keys in the saved session of a server, or null. Byte strings are copies. */
export function savedPromise(saved: Uint8Array): PromisedStep | null {
  if (saved[1] !== 0 || saved[PROMISE_KIND_AT] !== PROMISED.keys) return null
  const at = (index: number): Uint8Array => {
    const start = SAVED_SESSION_BYTES + index * KEY_BYTES
    return saved.slice(start, start + KEY_BYTES)
  }
  return { root: at(0), deviceKey: at(1), serverKey: at(2) }
}

/** Writes the times of the last steps into the saved session of a device. */
export function writeStepTimes(saved: Uint8Array, { keyMs, stepMs }: StepTimes): void {
  writeU48(saved, KEY_STEP_AT, keyMs)
  writeU48(saved, STEP_AT, stepMs)
}

/** The times of the last steps in the saved session of a device. */
export function readStepTimes(saved: Uint8Array): StepTimes {
  return { keyMs: readU48(saved, KEY_STEP_AT), stepMs: readU48(saved, STEP_AT) }
}

/**
 * Fills the record with a saved session. At a server it is unconfirmed (wire-spec §8.2): all at or below the
 * saved h counts as seen. At a device D is this process's boot value at once [R-5.3-1].
 *
 * @param view  at the record; rotation is set by the caller.
 * @param saved bytes of `saveSession`, from the store.
 * @returns false, with nothing changed, if they are not a saved session of this version and role.
 */
export function loadSession(view: SessionView, context: SessionContext, saved: Uint8Array): boolean {
  const server = view.role === 'server'
  const promiseBytes = server && saved[PROMISE_KIND_AT] === PROMISED.keys ? PROMISE_BYTES : 0
  if (saved.length !== SAVED_SESSION_BYTES + promiseBytes || saved[0] !== VERSION) return false
  if (saved[1] !== (server ? 0 : 1)) return false
  const hasSpare = (readU16(saved, 2) & 1) === 1
  view.clearSession()
  view.raise(SessionFlag.inUse)
  view.write(Offset.root, saved.subarray(ROOT_AT, DEVICE_BOOT_AT))
  view.write(Offset.deviceBoot, saved.subarray(DEVICE_BOOT_AT, SERVER_BOOT_AT))
  view.epoch = saved[EPOCH_AT] as number
  if (server) loadServerFields(view, saved)
  else {
    view.write(Offset.serverBoot, saved.subarray(SERVER_BOOT_AT, HIGH_AT))
    view.write(Offset.cid, saved.subarray(IDS_AT, IDS_AT + IDS_BYTES))
    view.raise(SessionFlag.bootPending)
    changeDeviceBoot(view, context, context.boot)
  }
  view.mark(server ? SessionFlag.spareKnown : SessionFlag.hasSpare, hasSpare)
  return true
}

function loadServerFields(view: SessionView, saved: Uint8Array): void {
  view.raise(SessionFlag.keyPending)
  const high = readU48(saved, HIGH_AT)
  if (high !== NO_NUMBER_SAVED) startWindow(view, high)
  view.failedOpens = readU48(saved, FAILED_OPENS_AT)
  view.write(Offset.address, saved.subarray(ADDRESS_AT, ADDRESS_AT + ADDRESS_BYTES))
  view.customSilenceS = readU16(saved, CUSTOM_SILENCE_AT)
  view.announcedKey = readU32(saved, ANNOUNCED_KEY_AT)
  view.mark(SessionFlag.stepPromised, saved[PROMISE_KIND_AT] === PROMISED.symmetric)
}
