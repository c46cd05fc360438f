/** Frames as bytes: wire-spec §7. Packets of one PING or PONG take no CBOR library. */
import { assert } from '../base/assert.js'
import { DEPTH_MAX, type Direction, FRAMES_MAX, ITEMS_MAX, ONE_BYTE_VALUES } from '../packet/constants.js'
import { type CborItem, type CborLimits, readSequence, writeSequence } from './cbor.js'
import type { DeviceFrame, Frame, ServerFrame } from './frame.js'
import { type ArrayFrame, ID_MAX, ID_MIN, layoutOfKind, layoutOfType } from './frame-layout.js'
import { oneByteFrame, oneByteValue, pingByte, pingStateOf, silenceClassOf } from './one-byte.js'

const PACKET_LIMITS: CborLimits = { frames: FRAMES_MAX, items: ITEMS_MAX, depth: DEPTH_MAX }
const HALF = ONE_BYTE_VALUES / 2

/**
 * Encodes the frames of one packet, without padding.
 *
 * @param frames    0 to 64; a PING or PONG only as the first; values in range, or it is our bug.
 * @param direction the way they go.
 * @returns the plaintext, fresh.
 */
export function encodeFrames(frames: readonly DeviceFrame[], direction: 'd2s'): Uint8Array
export function encodeFrames(frames: readonly ServerFrame[], direction: 's2d'): Uint8Array
export function encodeFrames(frames: readonly Frame[], direction: Direction): Uint8Array {
  const [first] = frames
  if (frames.length === 1 && first !== undefined && (first.kind === 'ping' || first.kind === 'pong')) {
    return new Uint8Array([
      first.kind === 'ping' ? pingByte(first.state, first.silenceClass) : oneByteFrame(first.residue),
    ])
  }
  assert(frames.length <= FRAMES_MAX, 'too many frames for a packet')
  return writeSequence(frames.map((frame, index) => itemOf(frame, direction, index)))
}

/**
 * Decodes the frames of one packet.
 *
 * @param bytes     the opened plaintext; any bytes.
 * @param direction the way they came.
 * @returns the frames, without those of unknown types [R-7-3]; or null: malformed, the session is to be closed with
 *   code 1 [R-7-2]. Byte strings alias `bytes`. Never throws.
 */
export function decodeFrames(bytes: Uint8Array, direction: 'd2s'): DeviceFrame[] | null
export function decodeFrames(bytes: Uint8Array, direction: 's2d'): ServerFrame[] | null
export function decodeFrames(bytes: Uint8Array, direction: Direction): Frame[] | null {
  if (bytes.length === 1) {
    const value = oneByteValue(bytes[0] as number)
    if (value >= 0) return [oneByteFrameOf(value, direction)]
  }
  const items = readSequence(bytes, PACKET_LIMITS)
  if (items === null) return null
  const frames: Frame[] = []
  for (let index = 0; index < items.length; index++) {
    const frame = frameOf(items[index] as CborItem, direction, index)
    if (frame === null) return null
    if (frame !== 'unknown') frames.push(frame)
  }
  return frames
}

function oneByteFrameOf(value: number, direction: Direction): Frame {
  return direction === 'd2s'
    ? { kind: 'ping', state: pingStateOf(value), silenceClass: silenceClassOf(value) }
    : { kind: 'pong', residue: value }
}

function frameOf(item: CborItem, direction: Direction, index: number): Frame | 'unknown' | null {
  if (typeof item === 'number') {
    if (item >= -HALF && item < HALF) {
      return index === 0 ? oneByteFrameOf(item >= 0 ? item : HALF - 1 - item, direction) : null
    }
    return direction === 'd2s' && item >= ID_MIN && item <= ID_MAX ? { kind: 'ack', id: item } : null
  }
  if (!Array.isArray(item)) return null
  const type: unknown = item[0]
  if (typeof type !== 'number' || type < 0) return null
  const layout = layoutOfType(type, direction)
  if (layout === undefined) return 'unknown'
  if (layout === null) return null
  const frame: Record<string, CborItem | null> = { kind: layout.kind }
  const { fields } = layout
  for (let i = 0; i < fields.length; i++) {
    const [name, isValid] = fields[i] as (typeof fields)[number]
    const value: CborItem | undefined = item[i + 1]
    if (value === undefined && layout.lastIsOptional && i === fields.length - 1) frame[name] = null
    else if (value === undefined || !isValid(value)) return null
    else frame[name] = value
  }
  return layout.isConsistent(frame) ? (frame as unknown as ArrayFrame) : null
}

function itemOf(frame: Frame, direction: Direction, index: number): CborItem {
  if (frame.kind === 'ping' || frame.kind === 'pong') {
    assert(index === 0 && (frame.kind === 'ping') === (direction === 'd2s'), `${frame.kind} out of place`)
    const value = oneByteValue(
      frame.kind === 'ping' ? pingByte(frame.state, frame.silenceClass) : oneByteFrame(frame.residue),
    )
    return value < HALF ? value : HALF - 1 - value
  }
  if (frame.kind === 'ack') {
    assert(direction === 'd2s' && frame.id >= ID_MIN && frame.id <= ID_MAX, 'ack out of range')
    return frame.id
  }
  const layout = layoutOfKind(frame.kind)
  assert(layout.direction === direction || layout.direction === 'both', `${frame.kind} in a wrong direction`)
  const record = frame as unknown as Record<string, CborItem | null>
  const item: CborItem[] = [layout.type]
  for (const [name, isValid] of layout.fields) {
    const value = record[name]
    if (value === null && layout.lastIsOptional) break
    assert(value !== null && value !== undefined && isValid(value), `${frame.kind}: ${name} out of range`)
    item.push(value)
  }
  assert(layout.isConsistent(record), `${frame.kind}: index not below count`)
  return item
}
