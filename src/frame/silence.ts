import { GRACE_BASE_MS, GRACE_DIVISOR, SILENCE_CLASS_S } from '../packet/constants.js'

/** The class that stands for what the last SILENCE frame said. wire-spec §7.1. */
export const SILENCE_CLASS_TOLD = 15

/**
 * Seconds of silence that a class promises. wire-spec §7.1.
 *
 * @param silenceClass 0..15.
 * @param toldS        seconds of the last SILENCE frame; used for class 15.
 */
export function silenceSeconds(silenceClass: number, toldS: number): number {
  return SILENCE_CLASS_S[silenceClass] ?? toldS
}

/**
 * The class to promise with. wire-spec §9.1.
 *
 * @param seconds of silence that the device needs.
 * @returns the smallest class that covers them, or 15: a SILENCE frame must go along.
 */
export function classFor(seconds: number): number {
  const found = SILENCE_CLASS_S.findIndex((classSeconds) => classSeconds >= seconds)
  return found < 0 ? SILENCE_CLASS_TOLD : found
}

/**
 * How long after its silence a device is waited for. [R-7.1-2]
 *
 * @param silenceS seconds promised.
 * @returns milliseconds: 10 s and 1/16 of the silence.
 */
export function graceMs(silenceS: number): number {
  return GRACE_BASE_MS + (silenceS * 1000) / GRACE_DIVISOR
}
