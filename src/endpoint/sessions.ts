import { SessionFlag } from '../session/record.js'
import { saveSession } from '../session/saved.js'
import type { SessionView } from '../session/view.js'
import type { Core } from './core.js'
import { deviceHandle, generationOf, partOf, slotOf, workerOf } from './device-handle.js'
import type { DeviceHandle } from './message.js'
import { REMOVAL_STEP, rotated } from './rotation.js'

const GENERATIONS = 65_536

/** Whose slot is whose, and what the store is told of sessions without being waited for. */
export class Sessions {
  readonly #core: Core
  #count = 0
  /** Slots whose next session is being committed: nothing of the old one may overtake it on the way to the store. */
  readonly #replaced = new Set<number>()

  constructor(core: Core) {
    this.#core = core
  }

  /** Sessions held. */
  get count(): number {
    return this.#count
  }

  /** The handle of the slot's owner. */
  handleOf(view: SessionView): DeviceHandle {
    return deviceHandle(this.#core.config.worker, view.slot, view.generation)
  }

  /** Whether a handle names a slot of this endpoint at all. */
  isInRange(device: DeviceHandle): boolean {
    return workerOf(device) === this.#core.config.worker && this.isOurs(slotOf(device))
  }

  /** Whether a slot is in range and in our share. */
  isOurs(slot: number): boolean {
    const { slots, share } = this.#core.config
    return slot < slots && slot % share.of === share.index
  }

  /**
   * What to wait for before anything about a slot of ours is handled: the part that it is in, which is not loaded yet; or -1.
   */
  missingPart(slot: number): number {
    const { loading, config } = this.#core
    if (loading.parts === 0) return -1
    const part = partOf(deviceHandle(config.worker, slot, 0))
    return loading.has(part) ? -1 : part
  }

  /** Moves the view to the owner of a handle; false, with the view anywhere, if the handle is unknown or dead. */
  find(device: DeviceHandle): boolean {
    const slot = slotOf(device)
    if (!this.isInRange(device) || !this.#core.slab.has(slot)) return false
    const view = this.#core.view.at(slot)
    return view.generation === generationOf(device) && view.has(SessionFlag.owned) && !view.has(SessionFlag.dead)
  }

  /**
   * Makes the device the owner of its slot, if the slot has none, or the last one was removed before. The view stands
   * at the slot then. An owner without a session gives way to a newer one: the store knows that it was removed, and here that
   * may be forgotten, or not told yet.
   *
   * @param rotation of the slot, 0..1023, as the store has it; a slot whose last owner was removed here knows better.
   * @returns whether the device is the owner now.
   */
  own(device: DeviceHandle, rotation: number): boolean {
    const view = this.#core.view.at(slotOf(device))
    const generation = generationOf(device)
    const wasOwned = view.has(SessionFlag.owned)
    if (wasOwned && view.generation === generation) return !view.has(SessionFlag.dead)
    const isDead = view.has(SessionFlag.dead)
    if (wasOwned && (view.inUse || !isNewer(generation, view.generation))) return false
    if (!isDead) view.rotation = rotation
    if (!wasOwned || isDead) this.#core.slab.hold(view.slot)
    view.generation = generation
    view.raise(SessionFlag.owned)
    view.lower(SessionFlag.dead)
    return true
  }

  /**
   * The device was removed: its handle is dead, and so are all connection IDs that it may know; the store is told if it
   * was here. That is forgotten when all others of its segment are removed too.
   *
   * @param view at its slot, which holds no session any more; to be moved afterwards.
   */
  disown(view: SessionView, device: DeviceHandle): void {
    const isKnown = view.has(SessionFlag.owned)
    const isHeld = isKnown && !view.has(SessionFlag.dead)
    view.generation = generationOf(device)
    view.rotation = rotated(view.rotation, REMOVAL_STEP)
    view.raise(SessionFlag.owned | SessionFlag.dead)
    if (isKnown) this.erase(view)
    if (isHeld) this.#core.slab.release(view.slot)
  }

  /** Whether a handle is of an owner before the slot's present or last one. */
  isPast(device: DeviceHandle): boolean {
    const view = this.#core.view.at(slotOf(device))
    return view.has(SessionFlag.owned) && isNewer(view.generation, generationOf(device))
  }

  /** A session was put into a record that held none. */
  began(): void {
    this.#count++
  }

  /** Wipes the session of the record; owner and rotation stay. The store is told by `erase`. */
  forget(view: SessionView): void {
    this.#core.promised.drop(view.slot)
    view.clearSession()
    this.#count--
  }

  /** The session as the store keeps it, with the step that is promised. */
  saved(view: SessionView): Uint8Array {
    return saveSession(view, this.#core.promised.of(view.slot))
  }

  /** Writes the session behind. [R-8.2-4] */
  save(view: SessionView): void {
    if (this.#replaced.has(view.slot)) return
    const { rotation } = view
    const device = this.handleOf(view)
    this.#core.out.request({ kind: 'save-session', device, rotation, session: this.saved(view) })
  }

  /** Tells the store that the slot holds no session, and its rotation. */
  erase(view: SessionView): void {
    if (!this.#replaced.has(view.slot)) this.eraseOf(this.handleOf(view), view.rotation)
  }

  /** Tells the store that a device, perhaps no owner any more, has no session. */
  eraseOf(device: DeviceHandle, rotation: number): void {
    this.#core.out.request({ kind: 'erase-session', device, rotation })
  }

  /** From here to `replaced`, the slot's next session is on its way to the store. */
  replacing(slot: number): void {
    this.#replaced.add(slot)
  }

  replaced(slot: number): void {
    this.#replaced.delete(slot)
  }

  isReplacing(slot: number): boolean {
    return this.#replaced.has(slot)
  }
}

/** Whether an owner came after another, of the same slot. */
function isNewer(generation: number, than: number): boolean {
  const steps = (generation - than + GENERATIONS) % GENERATIONS
  return steps > 0 && steps < GENERATIONS / 2
}
