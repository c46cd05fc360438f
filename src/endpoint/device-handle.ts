import type { DeviceHandle } from './message.js'

/** Slots a worker can address, wire-spec §13. */
export const SLOTS_MAX = 1 << 24
const GENERATIONS = 65536

/**
 * Slots whose devices are loaded together after a start, as one part: enough that a part costs little, few enough that it is a
 * short step for who takes it, and comes soon for who waits for one of them.
 */
export const SLOTS_PER_PART = 64

/** Packs worker (0..63), slot (0..2^24-1) and generation (0..65535) into one safe integer (46 bits). */
export function deviceHandle(worker: number, slot: number, generation: number): DeviceHandle {
  return (worker * SLOTS_MAX + slot) * GENERATIONS + generation
}

/** Worker of a handle, 0..63. */
export function workerOf(device: DeviceHandle): number {
  return Math.floor(device / (SLOTS_MAX * GENERATIONS))
}

/** Slot of a handle, 0..2^24-1. */
export function slotOf(device: DeviceHandle): number {
  return Math.floor(device / GENERATIONS) % SLOTS_MAX
}

/** Generation of a handle, 0..65535. */
export function generationOf(device: DeviceHandle): number {
  return device % GENERATIONS
}

/** Number of the part that a device is in; the parts of each worker follow those of the one before. */
export function partOf(device: DeviceHandle): number {
  return Math.floor(device / (GENERATIONS * SLOTS_PER_PART))
}

/** The parts of a worker's slots below `slots`. */
export function partsBelow(worker: number, slots: number): number[] {
  const first = partOf(deviceHandle(worker, 0, 0))
  return Array.from({ length: Math.ceil(slots / SLOTS_PER_PART) }, (_, index) => first + index)
}
