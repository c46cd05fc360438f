/** How a simulated server loads its devices: part after part, each read as the disk is then, and there some time later. */
import type { SeededRandom } from '../base/seeded-random.js'
import { partOf } from '../endpoint/device-handle.js'
import type { EventQueue } from './event-queue.js'
import type { Disk, StoredDevice } from './sim-store.js'

/** Virtual ms from the start until a part is read that nothing waits for, at most. */
const READ_MS_MAX = 2_000
/** Virtual ms from a read until what was read is there, at most. */
const LOAD_MS_MAX = 60

export interface LoadingParts {
  queue: EventQueue
  random: SeededRandom
  disk: Disk
  parts: readonly number[]
  /** hands a part in */
  load: (part: number, rows: readonly StoredDevice[]) => void
}

export class ServerLoading {
  readonly #parts: LoadingParts
  readonly #unread: Set<number>

  constructor(parts: LoadingParts) {
    this.#parts = parts
    this.#unread = new Set(parts.parts)
    const { queue, random } = parts
    for (const part of parts.parts) queue.at(queue.nowMs + random.uniform() * READ_MS_MAX, () => this.want(part))
  }

  /** Reads the parts that something waits for. */
  poll(doors: readonly { pollWanted(): number | null }[]): void {
    for (const door of doors)
      for (let part = door.pollWanted(); part !== null; part = door.pollWanted()) this.want(part)
  }

  /** Reads a part now, if it was not read yet. */
  want(part: number): void {
    if (!this.#unread.delete(part)) return
    const { queue, random, disk, load } = this.#parts
    const rows = [...disk.devices.values()].filter(({ device }) => partOf(device) === part).map((row) => ({ ...row }))
    queue.at(queue.nowMs + random.uniform() * LOAD_MS_MAX, () => load(part, rows))
  }
}
