/**
 * A session as the store keeps it: `SAVED_SESSION_BYTES` bytes, big-endian, no times in them.
 *
 * | offset | bytes | field |
 * |---|---|---|
 * | 0 | 1 | version of this form: 1 |
 * | 1 | 1 | 0 saved by a server, 1 by a device |
 * | 2 | 2 | bit 0: the device acked the spare (server), or a spare is held (device) |
 * | 4 | 32 | root |
 * | 36 | 12 | D |
 * | 48 | 12 | S |
 * | 60 | 36 | server: h 6 (all ones: none), failed opens 6, proven address 18, custom silence 2, announced key 4 |
 * | | | device: connection ID 5, token 12, spare ID 5, spare token 12, 2 zero bytes |
 * | 96 | 16 | zero, for ratchets |
 *
 * Send numbers are not saved: every process begins new keys (wire-spec §5.3).
 */
import { ADDRESS_BYTES } from '../base/address.js'
import { readU16, readU32, readU48, writeU16, writeU32, writeU48 } from '../base/bytes.js'
import { NO_NUMBER } from '../packet/packet-number.js'
import { startWindow } from '../packet/replay-window.js'
import type { SessionContext } from './context.js'
import { changeDeviceBoot, deriveD2s } from './keys.js'
import { Offset, SessionFlag } from './record.js'
import type { SessionView } from './view.js'

/** Bytes of a saved session. */
export const SAVED_SESSION_BYTES = 112

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
const NO_NUMBER_SAVED = 2 ** 48 - 1

/**
 * The saved form of the session that the view stands at.
 *
 * @returns `SAVED_SESSION_BYTES` fresh bytes, with keys in the clear: the store seals them.
 */
export function saveSession(view: SessionView): Uint8Array {
  const saved = new Uint8Array(SAVED_SESSION_BYTES)
  const server = view.role === 'server'
  saved[0] = VERSION
  saved[1] = server ? 0 : 1
  writeU16(saved, 2, view.has(server ? SessionFlag.spareKnown : SessionFlag.hasSpare) ? 1 : 0)
  view.read(Offset.root, saved.subarray(ROOT_AT, DEVICE_BOOT_AT))
  view.read(Offset.deviceBoot, saved.subarray(DEVICE_BOOT_AT, SERVER_BOOT_AT))
  view.read(Offset.serverBoot, saved.subarray(SERVER_BOOT_AT, HIGH_AT))
  if (!server) {
    view.read(Offset.cid, saved.subarray(IDS_AT, IDS_AT + IDS_BYTES))
    return saved
  }
  writeU48(saved, HIGH_AT, view.high === NO_NUMBER ? NO_NUMBER_SAVED : view.high)
  writeU48(saved, FAILED_OPENS_AT, view.failedOpens)
  view.read(Offset.address, saved.subarray(ADDRESS_AT, ADDRESS_AT + ADDRESS_BYTES))
  writeU16(saved, CUSTOM_SILENCE_AT, view.customSilenceS)
  writeU32(saved, ANNOUNCED_KEY_AT, view.announcedKey)
  return saved
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
  if (saved.length !== SAVED_SESSION_BYTES || saved[0] !== VERSION) return false
  if (saved[1] !== (server ? 0 : 1)) return false
  const hasSpare = (readU16(saved, 2) & 1) === 1
  view.clearSession()
  view.raise(SessionFlag.inUse)
  view.write(Offset.root, saved.subarray(ROOT_AT, DEVICE_BOOT_AT))
  view.write(Offset.deviceBoot, saved.subarray(DEVICE_BOOT_AT, SERVER_BOOT_AT))
  view.write(Offset.serverBoot, saved.subarray(SERVER_BOOT_AT, HIGH_AT))
  if (server) loadServerFields(view, context, saved)
  else {
    view.write(Offset.cid, saved.subarray(IDS_AT, IDS_AT + IDS_BYTES))
    view.raise(SessionFlag.bootPending)
    changeDeviceBoot(view, context, context.boot)
  }
  view.mark(server ? SessionFlag.spareKnown : SessionFlag.hasSpare, hasSpare)
  return true
}

function loadServerFields(view: SessionView, context: SessionContext, saved: Uint8Array): void {
  deriveD2s(view, context)
  const high = readU48(saved, HIGH_AT)
  if (high !== NO_NUMBER_SAVED) startWindow(view, high)
  view.failedOpens = readU48(saved, FAILED_OPENS_AT)
  view.write(Offset.address, saved.subarray(ADDRESS_AT, ADDRESS_AT + ADDRESS_BYTES))
  view.customSilenceS = readU16(saved, CUSTOM_SILENCE_AT)
  view.announcedKey = readU32(saved, ANNOUNCED_KEY_AT)
}
