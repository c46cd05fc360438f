/**
 * Key schedule of a session: wire-spec §5.2 and §5.3. Owns root, both keys, D and S.
 * A new key starts its packet numbers anew, so these functions reset the sender's and receiver's numbers too.
 */
import { assert } from '../base/assert.js'
import { equalBytes, readU32 } from '../base/bytes.js'
import { KEY_BYTES } from '../crypto/crypto.js'
import { BOOT_BYTES } from '../packet/constants.js'
import { NO_NUMBER, NUMBER_RANDOM_BYTES, randomStart } from '../packet/packet-number.js'
import { deviceToServerKey, serverToDeviceKey } from '../packet/protection.js'
import { clearWindow } from '../packet/replay-window.js'
import type { SessionContext } from './context.js'
import { Offset, SessionFlag } from './record.js'
import type { SessionView } from './view.js'

/** Values of the epoch. */
const EPOCHS = 256

/** Seconds of a boot value: its first 4 bytes, big-endian. wire-spec §5.3 */
export function bootSeconds(boot: Uint8Array): number {
  return readU32(boot, 0)
}

/**
 * Starts a session with the root of a handshake: D and S are zero, nothing was sent or heard.
 * On a server it counts as confirmed: a handshake is no replay.
 *
 * @param view at the record; rotation is set by the caller.
 * @param root 32 B, copied. wire-spec §4.2
 */
export function startKeys(view: SessionView, context: SessionContext, root: Uint8Array): void {
  assert(root.length === KEY_BYTES, 'root of 32 bytes')
  view.clearSession()
  view.raise(SessionFlag.inUse | SessionFlag.confirmed)
  view.write(Offset.root, root)
  deriveBoth(view, context)
}

/**
 * Derives both keys from root, D and S as the record holds them, with packet numbers started anew in both
 * directions. For a record that was filled from a saved session.
 */
export function deriveBoth(view: SessionView, context: SessionContext): void {
  deriveD2s(view, context)
  deriveS2d(view, context)
}

/**
 * Derives the receive key of a session that a server has loaded, when it is first needed: most of a million sessions are
 * silent for minutes after a start. S becomes the server's own boot value before it sends, so the s2d key is derived then.
 */
export function deriveReceiveKey(view: SessionView, context: SessionContext): void {
  const key = d2sKeyOf(view, context)
  view.write(Offset.receiveKey, key)
  view.lower(SessionFlag.keyPending)
  key.fill(0)
}

/** Derives the d2s key only, from root and D as the record holds them. */
export function deriveD2s(view: SessionView, context: SessionContext): void {
  const key = d2sKeyOf(view, context)
  if (view.role === 'server') useReceiveKey(view, key)
  else useSendKey(view, context, key)
  key.fill(0)
}

/** The d2s key of root and D as the record holds them, 32 B; the caller wipes it. */
function d2sKeyOf(view: SessionView, context: SessionContext): Uint8Array {
  const root = view.read(Offset.root, new Uint8Array(KEY_BYTES))
  const key = deviceToServerKey(context.crypto, root, readBoot(view, Offset.deviceBoot))
  root.fill(0)
  return key
}

/**
 * Key that opens a packet whose header carries `boot`: at the server that of D = boot, at the device that of
 * S = boot. Changes nothing.
 *
 * @param boot 12 B from the header.
 * @returns 32 B; wipe after use.
 */
export function receiveKeyFor(view: SessionView, context: SessionContext, boot: Uint8Array): Uint8Array {
  const root = view.read(Offset.root, new Uint8Array(KEY_BYTES))
  const key =
    view.role === 'server'
      ? deviceToServerKey(context.crypto, root, boot)
      : serverToDeviceKey(context.crypto, root, boot, readBoot(view, Offset.deviceBoot))
  root.fill(0)
  return key
}

/** S as it is now, 12 B, a copy: at a server its own boot value, or zeros until that is used. [R-5.3-5] */
export function serverBootOf(view: SessionView, context: SessionContext): Uint8Array {
  if (view.role === 'device') return readBoot(view, Offset.serverBoot)
  return view.has(SessionFlag.serverBoot) ? context.boot.slice() : new Uint8Array(BOOT_BYTES)
}

/**
 * Makes `boot` the session's D: both keys and the numbers of both directions change. [R-5.3-4]
 * The old keys are overwritten.
 *
 * @param boot 12 B.
 */
export function changeDeviceBoot(view: SessionView, context: SessionContext, boot: Uint8Array): void {
  useDeviceBoot(view, context, boot)
  context.observer?.onKeys(view, 'device-boot')
}

/**
 * Makes `boot` the session's S: the s2d key and its numbers change. [R-5.3-5] [R-5.3-6]
 *
 * @param boot 12 B.
 */
export function changeServerBoot(view: SessionView, context: SessionContext, boot: Uint8Array): void {
  assert(boot.length === BOOT_BYTES, 'boot value of 12 bytes')
  if (view.role === 'device') view.write(Offset.serverBoot, boot)
  else {
    assert(equalBytes(boot, context.boot), 'a server knows its own boot value only')
    view.raise(SessionFlag.serverBoot)
  }
  deriveS2d(view, context)
  context.observer?.onKeys(view, 'server-boot')
}

/**
 * Device only: makes the boot value the D of a session that was begun in this process, or of one that moved to another
 * network since, before an asking packet is repeated. Packets under the old s2d key are taken until the first under the new one. Does
 * nothing when D is the boot value already. [R-5.3-2]
 */
export function takeDeviceBoot(view: SessionView, context: SessionContext): void {
  assert(view.role === 'device', 'a device takes its boot value')
  if (view.matches(Offset.deviceBoot, context.boot)) return
  keepLastKey(view)
  view.raise(SessionFlag.bootPending)
  changeDeviceBoot(view, context, context.boot)
}

/**
 * Gives the session the root of a step: both keys and the numbers of both directions change, failed opens count anew,
 * the old root is overwritten. At the device D becomes this process's boot value, if it was not, and packets under the
 * old s2d key are taken until the first under the new one. wire-spec §5.6
 *
 * @param root       32 B, copied.
 * @param deviceBoot 12 B, D from now on: at the device its own boot value.
 */
export function changeRoot(view: SessionView, context: SessionContext, root: Uint8Array, deviceBoot: Uint8Array): void {
  assert(root.length === KEY_BYTES, 'root of 32 bytes')
  if (view.role === 'device') {
    keepLastKey(view)
    view.raise(SessionFlag.lastRoot)
    if (!view.matches(Offset.deviceBoot, deviceBoot)) view.raise(SessionFlag.bootPending)
  }
  view.write(Offset.root, root)
  view.epoch = (view.epoch + 1) % EPOCHS
  view.failedOpens = 0
  view.lower(SessionFlag.stepPromised)
  useDeviceBoot(view, context, deviceBoot)
  context.observer?.onKeys(view, 'step')
}

/** Device only: wipes the s2d key before the last change of D or root. */
export function dropLastKey(view: SessionView): void {
  view.lower(SessionFlag.hasLastKey | SessionFlag.lastRoot)
  view.wipe(Offset.lastReceiveKey, KEY_BYTES)
  view.lastHigh = NO_NUMBER
}

/** Device only: the present s2d key goes on being taken beside the one that comes. */
function keepLastKey(view: SessionView): void {
  view.copy(Offset.receiveKey, Offset.lastReceiveKey, KEY_BYTES)
  view.lastHigh = view.high
  view.lastBitmapLow = view.bitmapLow
  view.lastBitmapHigh = view.bitmapHigh
  view.raise(SessionFlag.hasLastKey)
  view.lower(SessionFlag.lastRoot)
}

function useDeviceBoot(view: SessionView, context: SessionContext, boot: Uint8Array): void {
  assert(boot.length === BOOT_BYTES, 'boot value of 12 bytes')
  view.write(Offset.deviceBoot, boot)
  deriveBoth(view, context)
}

function deriveS2d(view: SessionView, context: SessionContext): void {
  const root = view.read(Offset.root, new Uint8Array(KEY_BYTES))
  const server = serverBootOf(view, context)
  const device = readBoot(view, Offset.deviceBoot)
  const key = serverToDeviceKey(context.crypto, root, server, device)
  if (view.role === 'server') useSendKey(view, context, key)
  else useReceiveKey(view, key)
  root.fill(0)
  key.fill(0)
}

function useReceiveKey(view: SessionView, key: Uint8Array): void {
  view.write(Offset.receiveKey, key)
  view.lower(SessionFlag.keyPending)
  clearWindow(view)
}

/** A new key starts at a random number below 2^32. [R-5.4-1] */
function useSendKey(view: SessionView, context: SessionContext, key: Uint8Array): void {
  view.write(Offset.sendKey, key)
  view.sendNumber = randomStart(context.random.fill(new Uint8Array(NUMBER_RANDOM_BYTES)))
  view.confirmedNumber = NO_NUMBER
  view.answerNumber = NO_NUMBER
  view.lower(SessionFlag.skipPending)
  view.raise(SessionFlag.unsent)
}

function readBoot(view: SessionView, offset: number): Uint8Array {
  return view.read(offset, new Uint8Array(BOOT_BYTES))
}
