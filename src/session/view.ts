import { ADDRESS_BYTES } from '../base/address.js'
import { assert } from '../base/assert.js'
import { NO_NUMBER } from '../packet/packet-number.js'
import type { ReplayWindow } from '../packet/replay-window.js'
import { Offset, type Role, SessionFlag } from './record.js'

/** Where the port stands in an address. */
const ADDRESS_PORT = 16

/** A count of failed opens that is not below this stands beside the slab. Nobody gets there but by 65,535 forged packets. */
const MANY_FAILED = 0xffff

/** `silentFromMs` counts eighths of a ms: 48 bits last for a thousand years. */
const EIGHTHS = 8

/** The furthest that a confirmed number or an answer is behind the next one. */
const BEHIND_MAX = 255

/** One allocation of records: the same bytes seen through the arrays that `SessionView` reads. */
export interface Segment {
  readonly bytes: Uint8Array
  readonly doubles: Float64Array
  readonly words: Uint32Array
  readonly shorts: Uint16Array
}

/** Where records lie: a `SessionSlab`. */
export interface Records {
  readonly role: Role
  /** Bytes of one record. */
  readonly recordBytes: number
  /** counts of failed opens that do not fit into a record, by slot */
  readonly manyFailed: Map<number, number>
  /** The segment that holds a slot's record, allocated if it is not yet there. */
  segmentOf(slot: number): Segment
  /** Offset in bytes of a slot's record in its segment. */
  offsetOf(slot: number): number
}

/**
 * One record of a slab, seen through a view that is moved from slot to slot: `view.at(slot).high`.
 * Touching a record makes no object. Holds until the next `at`; the meaning of each field is in `record.ts`.
 * Only the part that owns a field writes it.
 */
export class SessionView implements ReplayWindow {
  readonly #slab: Records
  #segment: Segment
  /** Offset of the record in its segment, in bytes, doubles, words and shorts. */
  #byte = 0
  #double = 0
  #word = 0
  #short = 0
  #slot = 0

  /** @param slab whose records are seen; its first segment is allocated here. */
  constructor(slab: Records) {
    this.#slab = slab
    this.#segment = slab.segmentOf(0)
  }

  /**
   * Moves the view. Allocates the slot's segment if it is the first written there: ask `slab.has` before
   * moving to a slot that a stranger named.
   *
   * @param slot 0 to slab.slots - 1.
   * @returns this view.
   */
  at(slot: number): this {
    this.#segment = this.#slab.segmentOf(slot)
    this.#byte = this.#slab.offsetOf(slot)
    this.#double = this.#byte / 8
    this.#word = this.#byte / 4
    this.#short = this.#byte / 2
    this.#slot = slot
    return this
  }

  /** Slot that the view stands at. */
  get slot(): number {
    return this.#slot
  }

  /** Whose record this is. */
  get role(): Role {
    return this.#slab.role
  }

  has(flag: number): boolean {
    return (this.flags & flag) !== 0
  }
  raise(flag: number): void {
    this.flags |= flag
  }
  lower(flag: number): void {
    this.flags &= ~flag
  }
  /** Raises or lowers. */
  mark(flag: number, on: boolean): void {
    if (on) this.raise(flag)
    else this.lower(flag)
  }

  get flags(): number {
    return this.#segment.shorts[this.#short + Offset.flags / 2] as number
  }
  set flags(value: number) {
    this.#segment.shorts[this.#short + Offset.flags / 2] = value
  }
  /** Whether the record holds a session. */
  get inUse(): boolean {
    return this.has(SessionFlag.inUse)
  }
  /** Whether the session was heard, without doubt, since this process started. wire-spec §8.2 */
  get confirmed(): boolean {
    return this.has(SessionFlag.confirmed)
  }

  get sendNumber(): number {
    return this.#segment.doubles[this.#double + Offset.sendNumber / 8] as number
  }
  set sendNumber(value: number) {
    const { confirmedNumber, answerNumber } = this
    this.#segment.doubles[this.#double + Offset.sendNumber / 8] = value
    this.confirmedNumber = confirmedNumber
    this.answerNumber = answerNumber
  }
  /** Highest number of ours that the peer has opened; -1: none, or one that is not among the last 255. */
  get confirmedNumber(): number {
    return this.#behind(Offset.confirmedBehind)
  }
  set confirmedNumber(value: number) {
    this.#setBehind(Offset.confirmedBehind, value)
  }
  /** First answer to the last asking packet; -1: none, or one that is not among the last 255. */
  get answerNumber(): number {
    return this.#behind(Offset.answerBehind)
  }
  set answerNumber(value: number) {
    this.#setBehind(Offset.answerBehind, value)
  }
  get high(): number {
    return this.#segment.doubles[this.#double + Offset.high / 8] as number
  }
  set high(value: number) {
    this.#segment.doubles[this.#double + Offset.high / 8] = value
  }
  get bitmapLow(): number {
    return this.#segment.words[this.#word + Offset.window / 4] as number
  }
  set bitmapLow(value: number) {
    this.#segment.words[this.#word + Offset.window / 4] = value
  }
  get bitmapHigh(): number {
    return this.#segment.words[this.#word + Offset.window / 4 + 1] as number
  }
  set bitmapHigh(value: number) {
    this.#segment.words[this.#word + Offset.window / 4 + 1] = value
  }
  get failedOpens(): number {
    const count = this.#segment.shorts[this.#short + Offset.failedOpens / 2] as number
    return count < MANY_FAILED ? count : (this.#slab.manyFailed.get(this.#slot) ?? count)
  }
  set failedOpens(value: number) {
    if (value >= MANY_FAILED) this.#slab.manyFailed.set(this.#slot, value)
    else if (this.#slab.manyFailed.size > 0) this.#slab.manyFailed.delete(this.#slot)
    this.#segment.shorts[this.#short + Offset.failedOpens / 2] = Math.min(value, MANY_FAILED)
  }
  /** Monotonic ms, in eighths: what is between two of them is rounded up. */
  get silentFromMs(): number {
    const high = this.#segment.shorts[this.#short + Offset.silentFrom / 2 + 2] as number
    return (high * 2 ** 32 + (this.#segment.words[this.#word + Offset.silentFrom / 4] as number)) / EIGHTHS
  }
  set silentFromMs(value: number) {
    const eighths = Math.ceil(value * EIGHTHS)
    this.#segment.words[this.#word + Offset.silentFrom / 4] = eighths >>> 0
    this.#segment.shorts[this.#short + Offset.silentFrom / 2 + 2] = Math.floor(eighths / 2 ** 32)
  }
  /** 0 to 1023. */
  get rotation(): number {
    return this.#segment.shorts[this.#short + Offset.rotation / 2] as number
  }
  set rotation(value: number) {
    this.#segment.shorts[this.#short + Offset.rotation / 2] = value
  }
  /** 0 to 65535. */
  get generation(): number {
    return this.#segment.shorts[this.#short + Offset.generation / 2] as number
  }
  set generation(value: number) {
    this.#segment.shorts[this.#short + Offset.generation / 2] = value
  }
  /** Seconds; 0 when no SILENCE frame came. */
  get customSilenceS(): number {
    return this.#segment.shorts[this.#short + Offset.customSilence / 2] as number
  }
  set customSilenceS(value: number) {
    this.#segment.shorts[this.#short + Offset.customSilence / 2] = value
  }
  /** PING's v, 0 to 47. wire-spec §7.1 */
  get ping(): number {
    return this.#segment.bytes[this.#byte + Offset.ping] as number
  }
  set ping(value: number) {
    this.#segment.bytes[this.#byte + Offset.ping] = value
  }
  /** 0 to 255. */
  get epoch(): number {
    return this.#segment.bytes[this.#byte + Offset.epoch] as number
  }
  set epoch(value: number) {
    this.#segment.bytes[this.#byte + Offset.epoch] = value
  }
  /** Seconds, modulo 65536. */
  get stepSecond(): number {
    return this.#segment.shorts[this.#short + Offset.stepSecond / 2] as number
  }
  set stepSecond(value: number) {
    this.#segment.shorts[this.#short + Offset.stepSecond / 2] = value
  }
  /** First 4 B of the last server key that was acked, as a number; 0 none. */
  get announcedKey(): number {
    return this.#segment.words[this.#word + Offset.announcedKey / 4] as number
  }
  set announcedKey(value: number) {
    this.#segment.words[this.#word + Offset.announcedKey / 4] = value
  }
  get lastHigh(): number {
    return this.#segment.doubles[this.#double + Offset.lastHigh / 8] as number
  }
  set lastHigh(value: number) {
    this.#assertWithin(Offset.lastHigh, 8)
    this.#segment.doubles[this.#double + Offset.lastHigh / 8] = value
  }
  get lastBitmapLow(): number {
    return this.#segment.words[this.#word + Offset.lastWindow / 4] as number
  }
  set lastBitmapLow(value: number) {
    this.#assertWithin(Offset.lastWindow, 4)
    this.#segment.words[this.#word + Offset.lastWindow / 4] = value
  }
  get lastBitmapHigh(): number {
    return this.#segment.words[this.#word + Offset.lastWindow / 4 + 1] as number
  }
  set lastBitmapHigh(value: number) {
    this.#assertWithin(Offset.lastWindow + 4, 4)
    this.#segment.words[this.#word + Offset.lastWindow / 4 + 1] = value
  }

  /**
   * Copies bytes out of the record.
   *
   * @param offset from `Offset`.
   * @param out    filled whole.
   * @returns out.
   */
  read<T extends Uint8Array>(offset: number, out: T): T {
    const { bytes } = this.#segment
    const start = this.#byte + offset
    for (let i = 0; i < out.length; i++) out[i] = bytes[start + i] as number
    return out
  }

  /** Copies `source` into the record at `offset`. */
  write(offset: number, source: Uint8Array): void {
    this.#assertWithin(offset, source.length)
    this.#segment.bytes.set(source, this.#byte + offset)
  }

  /** Copies bytes within the record. */
  copy(fromOffset: number, toOffset: number, length: number): void {
    this.#assertWithin(Math.max(fromOffset, toOffset), length)
    const start = this.#byte + fromOffset
    this.#segment.bytes.copyWithin(this.#byte + toOffset, start, start + length)
  }

  /** Whether the record holds exactly `other` at `offset`. Not in constant time: not for secrets. */
  matches(offset: number, other: Uint8Array): boolean {
    const { bytes } = this.#segment
    const start = this.#byte + offset
    for (let i = 0; i < other.length; i++) if (bytes[start + i] !== other[i]) return false
    return true
  }

  /** Fills `length` bytes at `offset` with zero. */
  wipe(offset: number, length: number): void {
    this.#assertWithin(offset, length)
    const start = this.#byte + offset
    this.#segment.bytes.fill(0, start, start + length)
  }

  /** Whether there is a proven address: a connection that closed leaves none, and an address with port 0 is none. */
  get hasPath(): boolean {
    return this.#segment.shorts[this.#short + (Offset.address + ADDRESS_PORT) / 2] !== 0
  }

  /** Whether `remote` is the proven address. 18 B */
  isProven(remote: Uint8Array): boolean {
    return remote.length === ADDRESS_BYTES && this.matches(Offset.address, remote)
  }

  /**
   * Empties the record to a session that has sent and heard nothing. Slot, owner and rotation stay.
   * Keys are zero until `startKeys` or `loadSession`.
   */
  clearSession(): void {
    const { rotation, generation } = this
    this.failedOpens = 0
    const kept = this.flags & (SessionFlag.owned | SessionFlag.dead)
    this.wipe(0, this.#slab.recordBytes)
    this.rotation = rotation
    this.generation = generation
    this.flags = kept
    this.high = NO_NUMBER
    if (this.role === 'device') this.lastHigh = NO_NUMBER
  }

  /**
   * Takes over the session of another record of the same role, with its rotation. Owner and generation stay.
   *
   * @param other view at the other record.
   */
  takeSession(other: SessionView): void {
    const { generation } = this
    const kept = this.flags & (SessionFlag.owned | SessionFlag.dead)
    other.read(0, this.#segment.bytes.subarray(this.#byte, this.#byte + this.#slab.recordBytes))
    this.failedOpens = other.failedOpens
    this.generation = generation
    this.flags = kept | (other.flags & ~(SessionFlag.owned | SessionFlag.dead))
  }

  /** A number of ours by its distance from the next one. */
  #behind(offset: number): number {
    const behind = this.#segment.bytes[this.#byte + offset] as number
    return behind === 0 ? NO_NUMBER : this.sendNumber - behind
  }

  #setBehind(offset: number, number: number): void {
    const behind = number === NO_NUMBER ? 0 : this.sendNumber - number
    this.#segment.bytes[this.#byte + offset] = behind >= 0 && behind <= BEHIND_MAX ? behind : 0
  }

  /** Behind the record lies that of the next session. A server's record has no fields of a device. */
  #assertWithin(offset: number, length: number): void {
    assert(offset + length <= this.#slab.recordBytes, 'bytes within the record')
  }

  /** A copy of all bytes of the record, for tests and for moving a session. */
  snapshot(): Uint8Array {
    return this.read(0, new Uint8Array(this.#slab.recordBytes))
  }
}
