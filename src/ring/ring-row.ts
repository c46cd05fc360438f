import { concat, readU16, readU32, readU48, writeU16, writeU32, writeU48 } from '../base/bytes.js'
import { utf8Bytes, utf8Text } from '../base/text.js'
import { REQUEST_HASH_BYTES, RING_ID_BYTES, RING_SEED_BYTES, type RingRecord, type RingTarget } from './ring.js'
import { isTerminal, RING_STATES, type RingState } from './ring-state.js'

/** In the order of their codes. Only ever added to at the end. */
const TARGET_ENDS = ['', 'dismissed', 'passed', 'replaced'] as const satisfies readonly RingTarget['left'][]

/** First byte of a row; a row with another one is of another release. */
const ROW_VERSION = 3
const NO_CONTENT = { title: '', body: '', url: '', payload: new Uint8Array(0) }

/**
 * A ring as one row for the store: everything needed to go on after a crash. What a device shows is left out once the
 * ring has ended.
 *
 * version (1) id (16) seed (16) state (1) app, created, deadline, delivered, shown, ended (u48 each) by (u16) byDevice (u48) byClass (1)
 * hash (16) step (u32) turn (u16) turnEnd, collapseRank (u48 each), then reason, key, collapse key, reply, title, body, url,
 * payload (u16 length and bytes each), number of targets (u16), and for each: person (u48) rotation (u32) device (u48)
 * left (1) dismissedBy (u48). "By" fields, turn and device are stored plus 1, so that 0 is none.
 */
export function writeRingRow(record: RingRecord): Uint8Array {
  const { title, body, url, payload } = isTerminal(record.state) ? NO_CONTENT : record.content
  const parts = [
    Uint8Array.of(ROW_VERSION),
    record.id,
    record.seed,
    Uint8Array.of(RING_STATES.indexOf(record.state)),
    ...[record.app, record.createdMs, record.deadlineMs, record.deliveredMs, record.shownMs, record.endedMs].map(u48),
    u16(record.by + 1),
    u48(record.byDevice + 1),
    Uint8Array.of(record.byClass),
    record.requestHash,
    u32(record.stepMs),
    u16(record.turn + 1),
    ...[record.turnEndMs, record.collapseRank].map(u48),
    ...[record.reason, record.idempotencyKey, record.collapseKey].map(utf8Bytes).map(counted),
    counted(record.reply),
    ...[utf8Bytes(title), utf8Bytes(body), utf8Bytes(url), payload].map(counted),
    u16(record.targets.length),
  ]
  for (const { person, rotation, device, left, dismissedBy } of record.targets)
    parts.push(
      u48(person),
      u32(rotation),
      u48(device + 1),
      Uint8Array.of(TARGET_ENDS.indexOf(left)),
      u48(dismissedBy + 1),
    )
  return concat(...parts)
}

/**
 * The ring of a row.
 *
 * @param row bytes from the store.
 * @returns null if it is not a row of this release.
 */
export function readRingRow(row: Uint8Array): RingRecord | null {
  const reader = new RowReader(row)
  if (reader.bytes(1)[0] !== ROW_VERSION) return null
  const id = reader.bytes(RING_ID_BYTES)
  const seed = reader.bytes(RING_SEED_BYTES)
  const state: RingState | undefined = RING_STATES[reader.bytes(1)[0] as number]
  const app = reader.u48()
  const createdMs = reader.u48()
  const deadlineMs = reader.u48()
  const deliveredMs = reader.u48()
  const shownMs = reader.u48()
  const endedMs = reader.u48()
  const by = reader.u16() - 1
  const who = { by, byDevice: reader.u48() - 1, byClass: reader.bytes(1)[0] as number }
  const requestHash = reader.bytes(REQUEST_HASH_BYTES)
  const order = { stepMs: reader.u32(), turn: reader.u16() - 1, turnEndMs: reader.u48(), collapseRank: reader.u48() }
  const reason = reader.text()
  const keys = { idempotencyKey: reader.text(), collapseKey: reader.text() }
  const reply = reader.counted()
  const content = { title: reader.text(), body: reader.text(), url: reader.text(), payload: reader.counted() }
  const targets: RingTarget[] = []
  for (let left = reader.u16(); left > 0 && !reader.isBroken; left--) {
    const whom = { person: reader.u48(), rotation: reader.u32(), device: reader.u48() - 1 }
    targets.push({ ...whom, left: reader.of(TARGET_ENDS), dismissedBy: reader.u48() - 1 })
  }
  if (reader.isBroken || !reader.isAtEnd || state === undefined || targets.length === 0) return null
  const times = { createdMs, deadlineMs, deliveredMs, shownMs, endedMs }
  return {
    id,
    seed,
    app,
    state,
    reason,
    ...times,
    ...who,
    reply,
    ...order,
    ...keys,
    requestHash,
    targets,
    content,
  }
}

/** Reads fields one after the other. Past the end it gives zeros and is broken. */
class RowReader {
  readonly #row: Uint8Array
  #at = 0
  isBroken = false

  constructor(row: Uint8Array) {
    this.#row = row
  }

  get isAtEnd(): boolean {
    return this.#at === this.#row.length
  }

  bytes(length: number): Uint8Array {
    if (this.#at + length > this.#row.length) {
      this.isBroken = true
      return new Uint8Array(length)
    }
    this.#at += length
    return this.#row.slice(this.#at - length, this.#at)
  }

  /** One byte that is the place of a value. */
  of<Value>(values: readonly Value[]): Value {
    const value = values[this.bytes(1)[0] as number]
    if (value === undefined) this.isBroken = true
    return value ?? (values[0] as Value)
  }

  u16(): number {
    return readU16(this.bytes(2), 0)
  }

  u32(): number {
    return readU32(this.bytes(4), 0)
  }

  u48(): number {
    return readU48(this.bytes(6), 0)
  }

  counted(): Uint8Array {
    return this.bytes(this.u16())
  }

  text(): string {
    const text = utf8Text(this.counted())
    if (text === null) this.isBroken = true
    return text ?? ''
  }
}

function u16(value: number): Uint8Array {
  const bytes = new Uint8Array(2)
  writeU16(bytes, 0, value)
  return bytes
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  writeU32(bytes, 0, value)
  return bytes
}

function u48(value: number): Uint8Array {
  const bytes = new Uint8Array(6)
  writeU48(bytes, 0, value)
  return bytes
}

function counted(bytes: Uint8Array): Uint8Array {
  return concat(u16(bytes.length), bytes)
}
