/**
 * PING and PONG: one byte each, the 48 integers that CBOR writes in one. wire-spec §7.1, §7.2. This is the fast path:
 * no CBOR library, no allocation.
 */
import { ONE_BYTE_VALUES, PingStateNumber } from '../packet/constants.js'
import type { PingState } from './frame.js'

/** First byte of CBOR's one-byte negative integers: -1. */
const NEGATIVE = 0x20
const HALF = ONE_BYTE_VALUES / 2
const CLASSES = 16
const STATES: readonly PingState[] = ['active', 'idle', 'gone']

/**
 * The value of a one-byte frame.
 *
 * @param byte any byte.
 * @returns 0..47, or -1 if the byte is none of the 48.
 */
export function oneByteValue(byte: number): number {
  if (byte < HALF) return byte
  return byte >= NEGATIVE && byte < NEGATIVE + HALF ? byte - NEGATIVE + HALF : -1
}

/**
 * The byte of a one-byte frame.
 *
 * @param value 0..47.
 */
export function oneByteFrame(value: number): number {
  return value < HALF ? value : NEGATIVE + value - HALF
}

/**
 * The byte of a PING.
 *
 * @param silenceClass 0..15.
 */
export function pingByte(state: PingState, silenceClass: number): number {
  return oneByteFrame(PingStateNumber[state] * CLASSES + silenceClass)
}

/** The state in a PING's value 0..47. */
export function pingStateOf(value: number): PingState {
  return STATES[value >> 4] as PingState
}

/** The silence class in a PING's value 0..47. */
export function silenceClassOf(value: number): number {
  return value & (CLASSES - 1)
}

/**
 * The byte of a PONG.
 *
 * @param number the packet number answered, or that number modulo 48.
 */
export function pongByte(number: number): number {
  return oneByteFrame(number % ONE_BYTE_VALUES)
}
