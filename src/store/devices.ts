import { randomBytes } from 'node:crypto'
import type Database from 'better-sqlite3'
import { hex, writeU48 } from '../base/bytes.js'
import { PilotlightError } from '../base/errors.js'
import { deviceHandle, generationOf, SLOTS_MAX, SLOTS_PER_PART, slotOf, workerOf } from '../endpoint/device-handle.js'
import type { DeviceHandle, FoundDevice } from '../endpoint/message.js'
import type { DevicePapers, PersonKey } from '../hub/message.js'
import type { OwnDevice } from './directory-message.js'
import { PackedReader, packedRows } from './packed-rows.js'
import type { DevicePart } from './parts.js'
import { type RowSealer, randomRowKey, rowPlace } from './row-sealer.js'
import type { DeviceRow, Enrolment } from './store.js'

/** All devices are worker 0's until there are more workers. */
const WORKER = 0

/** Generations of a slot, see device-handle.ts. */
const GENERATIONS = 65_536

/** Values of the rotation. wire-spec §13. */
const ROTATIONS = 1024

/**
 * How far the rotation jumps between two owners of a slot. The last owner may hold the IDs of r to r + 2 (spare,
 * pending); the new one's previous value, r + 3, was nobody's (wire-spec §13).
 */
const ROTATIONS_SKIPPED = 4

/** A row of `devices` joined with its account. */
interface DeviceRecord {
  slot: number
  generation: number
  rotation: number
  deviceId: string
  person: PersonKey
  account: string
  name: string
  publicKey: Buffer
  createdMs: number
  session: Buffer | null
}

interface FindRecord {
  slot: number
  generation: number
  rotation: number
  psk: Buffer
  stampMs: number
}

interface SlotRecord {
  slot: number
  generation: number
  rotation: number
}

const DEVICE_COLUMNS = `
  d.slot, d.generation, d.rotation, d.device_id AS deviceId, d.account AS person, a.account, d.name,
  d.public_key AS publicKey, d.created AS createdMs, d.session
  FROM devices d JOIN accounts a ON a.id = d.account`

/** What a start needs of a device, as `PackedReader` reads it: slot, generation, rotation, person, session. */
const PACKED = `printf('%06x%04x%03x%08x%04x', slot, generation, rotation, account, coalesce(length(session), 0))
  || coalesce(session, '')`

/** Devices, their slots and their sessions. */
export class Devices {
  readonly #sealer: RowSealer
  readonly #freeSlot: Database.Statement<[], SlotRecord>
  readonly #freshSlot: Database.Statement<[], number>
  readonly #takeSlot: Database.Statement<[number]>
  readonly #giveSlot: Database.Statement<[number, number, number]>
  readonly #insert: Database.Statement<unknown[]>
  readonly #find: Database.Statement<[Uint8Array], FindRecord>
  readonly #papers: Database.Statement<[number, number], { publicKey: Buffer; name: string }>
  readonly #commit: Database.Statement<[Uint8Array, number, number, number, number]>
  readonly #save: Database.Statement<[Uint8Array | null, number, number, number]>
  readonly #all: Database.Statement<[], DeviceRecord>
  readonly #ofAccount: Database.Statement<[string], DeviceRecord>
  readonly #byId: Database.Statement<[string], DeviceRecord>
  readonly #delete: Database.Statement<[number]>
  readonly #packed: Database.Statement<unknown[], Buffer | null>

  constructor(database: Database.Database, sealer: RowSealer) {
    this.#sealer = sealer
    this.#freeSlot = database.prepare('SELECT slot, generation, rotation FROM free_slots ORDER BY slot LIMIT 1')
    this.#freshSlot = database
      .prepare<[], number>('SELECT coalesce(max(slot) + 1, 0) FROM devices')
      .pluck() as Database.Statement<[], number>
    this.#takeSlot = database.prepare('DELETE FROM free_slots WHERE slot = ?')
    this.#giveSlot = database.prepare('INSERT INTO free_slots (slot, generation, rotation) VALUES (?, ?, ?)')
    this.#insert = database.prepare(
      `INSERT INTO devices (slot, generation, rotation, device_id, account, public_key, psk, name, created)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    this.#find = database.prepare(
      'SELECT slot, generation, rotation, psk, stamp AS stampMs FROM devices WHERE public_key = ?',
    )
    this.#papers = database.prepare(
      'SELECT public_key AS publicKey, name FROM devices WHERE slot = ? AND generation = ?',
    )
    this.#commit = database.prepare(
      'UPDATE devices SET session = ?, stamp = max(stamp, ?), rotation = ? WHERE slot = ? AND generation = ?',
    )
    this.#save = database.prepare('UPDATE devices SET session = ?, rotation = ? WHERE slot = ? AND generation = ?')
    this.#all = database.prepare(`SELECT ${DEVICE_COLUMNS} ORDER BY d.slot`)
    this.#ofAccount = database.prepare(`SELECT ${DEVICE_COLUMNS} WHERE a.account = ? ORDER BY d.slot`)
    this.#byId = database.prepare(`SELECT ${DEVICE_COLUMNS} WHERE d.device_id = ?`)
    this.#delete = database.prepare('DELETE FROM devices WHERE slot = ?')
    this.#packed = packedRows(database, PACKED, 'devices WHERE slot >= ? AND slot < ? ORDER BY slot')
  }

  /**
   * Puts a device into the lowest free slot.
   *
   * @param psk 32 B, fresh; given only by who makes devices to measure with.
   */
  add(
    person: PersonKey,
    publicKey: Uint8Array,
    name: string,
    wallMs: number,
    psk = randomRowKey(),
  ): Enrolment | 'key-taken' | 'full' {
    if (this.#find.get(publicKey) !== undefined) return 'key-taken'
    const place = this.#nextSlot()
    if (place === null) return 'full'
    const { slot, generation, rotation } = place
    const deviceId = `dev_${hex(randomBytes(8))}`
    const sealed = this.#sealer.seal(pskPlace(slot, generation), psk)
    this.#insert.run(slot, generation, rotation, deviceId, person, publicKey, sealed, name, wallMs)
    return { deviceId, device: deviceHandle(WORKER, slot, generation), person, rotation, psk }
  }

  /**
   * The device with this public key, or null.
   *
   * @throws PilotlightError PL_STORE_SEAL if its psk does not open.
   */
  find(publicKey: Uint8Array): FoundDevice | null {
    const row = this.#find.get(publicKey)
    if (row === undefined) return null
    const psk = this.#sealer.open(pskPlace(row.slot, row.generation), row.psk)
    if (psk === null) throw new PilotlightError('PL_STORE_SEAL', `psk in slot ${row.slot}`)
    const device = deviceHandle(WORKER, row.slot, row.generation)
    return { device, psk, stampMs: row.stampMs, rotation: row.rotation }
  }

  /** Public key and name, or null if there is no such device. */
  papers(device: DeviceHandle): DevicePapers | null {
    const row = workerOf(device) === WORKER ? this.#papers.get(slotOf(device), generationOf(device)) : undefined
    return row === undefined ? null : { publicKey: new Uint8Array(row.publicKey), name: row.name }
  }

  /** Replaces session, rotation and stamp (which never goes back). False if the device is gone. */
  commitSession(device: DeviceHandle, stampMs: number, rotation: number, session: Uint8Array): boolean {
    if (workerOf(device) !== WORKER) return false
    const [slot, generation] = [slotOf(device), generationOf(device)]
    const sealed = this.#sealer.seal(sessionPlace(slot, generation), session)
    return this.#commit.run(sealed, stampMs, rotation, slot, generation).changes === 1
  }

  /** Replaces or erases (null) the session, if the device is still there. */
  saveSession(device: DeviceHandle, rotation: number, session: Uint8Array | null): void {
    if (workerOf(device) !== WORKER) return
    const [slot, generation] = [slotOf(device), generationOf(device)]
    const sealed = session === null ? null : this.#sealer.seal(sessionPlace(slot, generation), session)
    this.#save.run(sealed, rotation, slot, generation)
  }

  /** All devices by slot, one at a time. A session that does not open is null. */
  *all(): Generator<DeviceRow> {
    for (const record of this.#all.iterate()) yield this.#row(record)
  }

  /** All devices have slots below this. */
  get slots(): number {
    return this.#freshSlot.get() as number
  }

  /** What a start needs of the devices of a part. */
  part(number: number): DevicePart {
    const from = number * SLOTS_PER_PART
    const packed = this.#packed.get(from, from + SLOTS_PER_PART) ?? null
    const reader = new PackedReader(packed)
    const part = emptyPart(number, packed?.length ?? 0)
    let sessionBytes = 0
    while (reader.hasMore) {
      const at = part.count++
      const [slot, generation] = [reader.number(6), reader.number(4)]
      part.slots[at] = slot
      part.generations[at] = generation
      part.rotations[at] = reader.number(3)
      part.persons[at] = reader.number(8)
      const sealed = reader.span(reader.number(4))
      const session = sealed.length === 0 ? null : this.#sealer.open(sessionPlaceOf(slot, generation), sealed)
      if (session !== null) part.sessions.set(session, sessionBytes)
      else if (sealed.length > 0) part.unreadable++
      sessionBytes += session?.length ?? 0
      part.sessionEnds[at] = sessionBytes
    }
    return part
  }

  /** Devices of the account with this text id. */
  ofAccount(account: string): DeviceRow[] {
    return this.#ofAccount.all(account).map((record) => this.#row(record))
  }

  /** Devices of an account without what is sealed. */
  shownOfAccount(account: string): OwnDevice[] {
    return this.#ofAccount.all(account).map(({ slot, generation, deviceId, name, createdMs }) => {
      return { deviceId, device: deviceHandle(WORKER, slot, generation), name, createdMs }
    })
  }

  /** Removes a device for good. Its slot goes on with the next generation. Null if there is none. */
  remove(deviceId: string): DeviceRow | null {
    const record = this.#byId.get(deviceId)
    if (record === undefined) return null
    const { slot, generation, rotation } = record
    this.#delete.run(slot)
    this.#giveSlot.run(slot, (generation + 1) % GENERATIONS, (rotation + ROTATIONS_SKIPPED) % ROTATIONS)
    return this.#row(record)
  }

  #nextSlot(): SlotRecord | null {
    const free = this.#freeSlot.get()
    if (free !== undefined) {
      this.#takeSlot.run(free.slot)
      return free
    }
    // No slot is free, so those in use are 0 to max without a gap.
    const slot = this.#freshSlot.get() as number
    return slot < SLOTS_MAX ? { slot, generation: 0, rotation: 0 } : null
  }

  #row(record: DeviceRecord): DeviceRow {
    const { slot, generation, session: sealed } = record
    const session = sealed === null ? null : this.#sealer.open(sessionPlace(slot, generation), sealed)
    return {
      device: deviceHandle(WORKER, slot, generation),
      deviceId: record.deviceId,
      person: record.person,
      account: record.account,
      name: record.name,
      publicKey: new Uint8Array(record.publicKey),
      rotation: record.rotation,
      createdMs: record.createdMs,
      session,
    }
  }
}

function pskPlace(slot: number, generation: number): Uint8Array {
  return rowPlace('devices.psk', slot, generation)
}

const placeOfSession = sessionPlace(0, 0)

/** `sessionPlace`, borrowed until the next call. */
function sessionPlaceOf(slot: number, generation: number): Uint8Array {
  writeU48(placeOfSession, placeOfSession.length - 12, slot)
  writeU48(placeOfSession, placeOfSession.length - 6, generation)
  return placeOfSession
}

/** @param packedBytes of all rows: no session in the clear is longer than a sealed one. */
function emptyPart(part: number, packedBytes: number): DevicePart {
  return {
    part,
    count: 0,
    slots: new Uint32Array(SLOTS_PER_PART),
    generations: new Uint16Array(SLOTS_PER_PART),
    rotations: new Uint16Array(SLOTS_PER_PART),
    persons: new Uint32Array(SLOTS_PER_PART),
    sessionEnds: new Uint32Array(SLOTS_PER_PART),
    sessions: new Uint8Array(packedBytes),
    unreadable: 0,
  }
}

function sessionPlace(slot: number, generation: number): Uint8Array {
  return rowPlace('devices.session', slot, generation)
}
