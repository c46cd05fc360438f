import type { Now } from '../base/time.js'
import type { DeviceFrame } from '../frame/frame.js'
import type { DeviceEvent } from './event.js'

/** Runs when a save is durable. */
export type AfterSave = (now: Now) => void

/** What the device machine gives each of its parts to speak through. Nothing here calls back into a part at once. */
export interface Outlet {
  /** Queues an event for the host. */
  emit(event: DeviceEvent): void
  /**
   * Puts a frame into the next asking packet, which goes out at the end of this call of the machine, and into its
   * repeats until one of them is answered.
   *
   * @param key   names the frame: a later one with the same key takes its place; the same frame again changes nothing
   *   while it waits.
   */
  ask(key: string, frame: DeviceFrame): void
  /** As `ask`, but it goes out at once also if the same frame waits: no round is asked. wire-spec [R-9.2-6] */
  askAgain(key: string, frame: DeviceFrame): void
  /** As `ask`, but the frame waits for a packet that something else causes. */
  askAlong(key: string, frame: DeviceFrame): void
  /** Takes back a frame that still waits. */
  unask(key: string): void
  /**
   * The stored form changed. It is saved soon.
   *
   * @param then runs when a save that holds this change is durable; null if nothing waits for it.
   */
  save(then: AfterSave | null): void
}
