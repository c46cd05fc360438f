/**
 * Packet numbers: 48 bits, counted in doubles, which are exact to 2^53. wire-spec §5.4.
 */
import { readU32 } from '../base/bytes.js'
import { SHORT_NUMBER_DISTANCE } from './constants.js'

/** The highest packet number there is. */
export const NUMBER_MAX = 2 ** 48 - 1

/** Stands for "no number opened yet" and "no number confirmed yet". */
export const NO_NUMBER = -1

/** Bytes that `randomStart` and `randomSkip` draw from. */
export const NUMBER_RANDOM_BYTES = 4

const U8_SPAN = 0x100
const U32_SPAN = 0x1_0000_0000

/** Reach of one byte below the highest opened number, exclusive. [R-5.4-4] */
const SHORT_BEHIND = 128

/** Reach of four bytes below the highest opened number, exclusive. [R-5.4-4] */
const LONG_BEHIND = 65_536

/** Least and most of a skip. [R-5.4-5] */
const SKIP_MIN = 2 ** 16
const SKIP_MAX = 2 ** 32 - 2 ** 17

/**
 * Expands the bits that a header carries to the whole packet number. [R-5.4-4]
 *
 * @param low         the low 8 or 32 bits, as in the header.
 * @param numberBytes 1 or 4.
 * @param high        the highest number opened under this key, or NO_NUMBER.
 * @returns the number, or NO_NUMBER if there is none: the datagram is dropped ('number').
 */
export function expandNumber(low: number, numberBytes: 1 | 4, high: number): number {
  if (high === NO_NUMBER) return numberBytes === 4 ? low : NO_NUMBER
  const span = numberBytes === 4 ? U32_SPAN : U8_SPAN
  const first = high - (numberBytes === 4 ? LONG_BEHIND : SHORT_BEHIND) + 1
  // The one number in [first, first + span) that ends in `low`.
  const number = first + modulo(low - first, span)
  return number >= 0 && number <= NUMBER_MAX ? number : NO_NUMBER
}

/**
 * Whether one byte of packet number is enough. [R-5.4-2]
 *
 * @param number    the number to send.
 * @param confirmed the last number of ours that we know the peer has opened, or NO_NUMBER.
 */
export function isShortAllowed(number: number, confirmed: number): boolean {
  return confirmed !== NO_NUMBER && number - confirmed < SHORT_NUMBER_DISTANCE
}

/**
 * First number under a new key: below 2^32. [R-5.4-1]
 *
 * @param random 4 fresh random bytes.
 */
export function randomStart(random: Uint8Array): number {
  return readU32(random, 0)
}

/**
 * The number after a change of connection ID: `next` plus 2^16 to 2^32 - 2^17. [R-5.4-5]
 *
 * @param next   the number that would have been next.
 * @param random 4 fresh random bytes.
 */
export function skipNumber(next: number, random: Uint8Array): number {
  return next + SKIP_MIN + Math.floor((readU32(random, 0) / U32_SPAN) * (SKIP_MAX - SKIP_MIN + 1))
}

function modulo(value: number, span: number): number {
  const rest = value % span
  return rest < 0 ? rest + span : rest
}
