/** This device's copy of the person's list, and the edits that the server has not committed yet. wire-spec §10. */
import type { Random } from '../base/random.js'
import { KEY_BYTES } from '../crypto/crypto.js'
import { Choice, EMPTY_LIST, encodePersonList, isVisibleBy, ListFlag, type PersonList } from '../frame/person-list.js'
import { DeviceError } from './device-error.js'
import { addsEntry, applyEdit, compacted, entryOf, hasRoom, isSameList, type ListEdit } from './list-edit.js'

/** An edit that waits, with the number by which its maker knows it. */
export interface PendingEdit {
  readonly number: number
  readonly edit: ListEdit
  /** of this session alone: never stored */
  readonly isPassing: boolean
}

/** What of the list is stored. */
export interface ListMemory {
  /** version of `list`; 0 none */
  version: number
  /** as committed at the server */
  list: PersonList
  /** 32 B, or null */
  listKey: Uint8Array | null
  /** whether a list under this key was committed or opened: else it may be thrown away */
  isKeyProven: boolean
  edits: ListEdit[]
}

/** Memory of a device that knows nothing yet. */
export function emptyListMemory(): ListMemory {
  return { version: 0, list: EMPTY_LIST, listKey: null, isKeyProven: false, edits: [] }
}

export class ListReplica {
  #version: number
  #list: PersonList
  #listKey: Uint8Array | null
  #isKeyProven: boolean
  #pending: PendingEdit[]
  #editCount = 0
  /** `current`, until something changes. */
  #current: PersonList | null = null

  /** @param memory from the store. */
  constructor(memory: ListMemory) {
    this.#version = memory.version
    this.#list = memory.list
    this.#listKey = memory.listKey
    this.#isKeyProven = memory.isKeyProven
    this.#pending = memory.edits.map((edit) => ({ number: ++this.#editCount, edit, isPassing: false }))
  }

  /** Version of `committed`. */
  get version(): number {
    return this.#version
  }

  /** The list as the server holds it, as far as this device knows. */
  get committed(): PersonList {
    return this.#list
  }

  /** 32 B, or null while this device has no list key. */
  get listKey(): Uint8Array | null {
    return this.#listKey
  }

  /** Edits that wait, oldest first. */
  get pending(): readonly PendingEdit[] {
    return this.#pending
  }

  /** The list with all edits made: what the person sees on this device. */
  get current(): PersonList {
    this.#current ??= this.#pending.reduce((list, { edit }) => applyEdit(list, edit), this.#list)
    return this.#current
  }

  /** What is to be stored. */
  get memory(): ListMemory {
    const edits = compacted(this.#pending.filter(({ isPassing }) => !isPassing).map(({ edit }) => edit))
    return { version: this.#version, list: this.#list, listKey: this.#listKey, isKeyProven: this.#isKeyProven, edits }
  }

  /** Whether an application sees the person, by our own list and what the person last did here; hours and choice apart. */
  isVisible(app: string): boolean {
    return isVisibleBy(entryOf(this.current, app)?.flags ?? 0)
  }

  /**
   * Whether a ring of an application may be shown, by the same list: by the pseudonym that is in force, and not to
   * somebody who hides from it. [R-10-7]
   *
   * @param app      16 hexadecimal digits.
   * @param rotation that of the pseudonym.
   */
  admitsRing(app: string, rotation: number): boolean {
    const entry = entryOf(this.current, app)
    if (entry === null || entry.rotation !== rotation) return false
    const isHiding = (entry.flags & ListFlag.appearOffline) !== 0 || this.current.choice === Choice.invisible
    return isVisibleBy(entry.flags) && !isHiding
  }

  /**
   * Makes an edit, to be committed.
   *
   * @param isPassing it is of this session alone: not stored, and `drop` may take it back.
   * @returns its number.
   * @throws DeviceError PL_LIST_FULL for a 257th application; PilotlightError PL_BAD_LIST if the list would break a
   *   rule of wire-spec §10, such as a message of more than 128 B.
   */
  edit(edit: ListEdit, isPassing = false): number {
    const before = this.current
    if (addsEntry(edit) && entryOf(before, edit.app) === null && !hasRoom(before)) throw new DeviceError('PL_LIST_FULL')
    const after = applyEdit(before, edit)
    encodePersonList(after)
    this.#current = after
    const number = ++this.#editCount
    this.#pending = [...this.#pending, { number, edit, isPassing }]
    return number
  }

  /** Takes an edit back that is not committed. A list that is on its way may hold it all the same. */
  drop(number: number): void {
    this.#pending = this.#pending.filter((pending) => pending.number !== number)
    this.#current = null
  }

  /** Draws a list key: this is the first device of the person. Save it before a list is sealed with it. [R-10-2] */
  makeKey(random: Random): void {
    this.#listKey = random.fill(new Uint8Array(KEY_BYTES))
    this.#isKeyProven = false
  }

  /** Takes the list key that another device gave. */
  takeKey(listKey: Uint8Array): void {
    this.#listKey = listKey
    this.#isKeyProven = true
  }

  /** The list at the server was sealed under another key. A key of our own making that nobody used is forgotten. */
  rejectKey(): void {
    if (!this.#isKeyProven) this.#listKey = null
  }

  /** Takes a newer list, of another device. Edits that wait are made on top of it; those it holds already are dropped. */
  take(version: number, list: PersonList): void {
    this.#version = version
    this.#list = list
    this.#isKeyProven = true
    this.#current = null
  }

  /**
   * Ours was committed.
   *
   * @param edits those that it holds.
   */
  commit(version: number, list: PersonList, edits: readonly PendingEdit[]): void {
    this.take(version, list)
    this.#pending = this.#pending.filter((pending) => !edits.includes(pending))
  }

  /** Edits that change nothing in the committed list are done: takes them out. @returns their numbers. */
  settle(): number[] {
    if (this.#pending.length === 0 || !isSameList(this.current, this.#list)) return []
    const numbers = this.#pending.map(({ number }) => number)
    this.#pending = []
    return numbers
  }

  /** Begins again with an empty list under a new key, on top of a version that this device cannot open. */
  startAnew(version: number, random: Random): void {
    this.#version = version
    this.#list = EMPTY_LIST
    this.#current = null
    this.makeKey(random)
  }
}
