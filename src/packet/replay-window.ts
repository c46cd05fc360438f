/**
 * The replay window: the highest packet number opened and a bitmap of the 64 numbers up to it. wire-spec §5.5; the
 * shifted bitmap is that of RFC 4303 §3.4.3.
 */
import { REPLAY_WINDOW } from './constants.js'
import { NO_NUMBER } from './packet-number.js'

/** One direction's window. Fields may be accessors of a record in a slab. */
export interface ReplayWindow {
  /** highest number opened under this key, or NO_NUMBER */
  high: number
  /** u32; bit i: number `high - i` was seen, or counts as seen */
  bitmapLow: number
  /** u32; bit i: number `high - 32 - i` was seen, or counts as seen */
  bitmapHigh: number
}

/** A window that has seen nothing. */
export function emptyWindow(): ReplayWindow {
  return { high: NO_NUMBER, bitmapLow: 0, bitmapHigh: 0 }
}

/**
 * Whether a number was not seen yet. To be asked before the packet is opened. [R-5.5-1]
 *
 * @param number packet number, 0 to 2^48 - 1.
 */
export function isFresh(window: ReplayWindow, number: number): boolean {
  const behind = window.high - number
  if (behind < 0) return true
  if (behind >= REPLAY_WINDOW) return false
  const bits = behind < 32 ? window.bitmapLow : window.bitmapHigh
  return ((bits >>> (behind & 31)) & 1) === 0
}

/**
 * Marks a number as seen. Only after its packet was opened, and only if it was fresh. [R-5.5-1]
 *
 * @param number packet number, 0 to 2^48 - 1.
 */
export function recordNumber(window: ReplayWindow, number: number): void {
  const behind = window.high - number
  if (behind >= REPLAY_WINDOW) return
  if (behind < 0) {
    if (window.high === NO_NUMBER) clearWindow(window)
    else shift(window, -behind)
    window.high = number
    window.bitmapLow = (window.bitmapLow | 1) >>> 0
  } else if (behind < 32) window.bitmapLow = (window.bitmapLow | (1 << behind)) >>> 0
  else window.bitmapHigh = (window.bitmapHigh | (1 << (behind - 32))) >>> 0
}

/** Forgets everything: the window starts anew under a new key. [R-5.3-6] */
export function clearWindow(window: ReplayWindow): void {
  window.high = NO_NUMBER
  window.bitmapLow = 0
  window.bitmapHigh = 0
}

/** Starts at a number that was just opened: it and everything below counts as seen. [R-5.3-4], [R-8.2-2] */
export function startWindow(window: ReplayWindow, number: number): void {
  window.high = number
  window.bitmapLow = 0xffff_ffff
  window.bitmapHigh = 0xffff_ffff
}

/** Moves the bitmap up by `by` numbers, at least 1. */
function shift(window: ReplayWindow, by: number): void {
  const { bitmapLow, bitmapHigh } = window
  if (by >= REPLAY_WINDOW) {
    window.bitmapLow = 0
    window.bitmapHigh = 0
  } else if (by >= 32) {
    window.bitmapLow = 0
    window.bitmapHigh = (bitmapLow << (by - 32)) >>> 0
  } else {
    window.bitmapLow = (bitmapLow << by) >>> 0
    window.bitmapHigh = ((bitmapHigh << by) | (bitmapLow >>> (32 - by))) >>> 0
  }
}
