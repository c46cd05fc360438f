/**
 * What a server loads for each of its persons and devices after a start: a part of the rows at a time, as a few typed arrays
 * that cross to another thread without a copy. No row is an object on either side.
 */
import { deviceHandle } from '../endpoint/device-handle.js'

/** Rows of a part of persons: enough that a part costs little, few enough that it is a short step for who takes it. */
export const ROWS_PER_PART = 4096

/** Persons with the versions of their lists. */
export interface PersonPart {
  count: number
  /** keys, ascending */
  persons: Uint32Array
  /** committed version of the list, 0 none */
  listVersions: Float64Array
  /** first key of the next part, -1 after the last one */
  next: number
}

/** Devices with their saved sessions: those of `SLOTS_PER_PART` slots. */
export interface DevicePart {
  /** number of the part: `partOf` of each device */
  part: number
  count: number
  /** ascending */
  slots: Uint32Array
  generations: Uint16Array
  rotations: Uint16Array
  persons: Uint32Array
  /** end of each session in `sessions`; where it is the end of the one before, there is no session */
  sessionEnds: Uint32Array
  /** saved sessions in the clear */
  sessions: Uint8Array
  /** devices whose sealed session did not open; they have none here */
  unreadable: number
}

/** The saved session of one device of a part, borrowed; null if it has none. */
export function sessionIn(part: DevicePart, at: number): Uint8Array | null {
  const start = at === 0 ? 0 : (part.sessionEnds[at - 1] as number)
  const end = part.sessionEnds[at] as number
  return start === end ? null : part.sessions.subarray(start, end)
}

/** The handle of one device of a part. @param worker 0..63. */
export function handleIn(part: DevicePart, at: number, worker: number): number {
  return deviceHandle(worker, part.slots[at] as number, part.generations[at] as number)
}

/** The buffers of a part, to be transferred. */
export function partBuffers(part: PersonPart | DevicePart): ArrayBuffer[] {
  return Object.values(part).flatMap((value) => (ArrayBuffer.isView(value) ? [value.buffer as ArrayBuffer] : []))
}

/**
 * All parts, in order. The next one is asked for before one is given, so that who reads them and who uses them work at
 * the same time; never more than two are in memory.
 */
export async function* partsOf<Part extends { next: number }>(
  read: (from: number) => Promise<Part>,
): AsyncGenerator<Part> {
  let coming: Promise<Part> | null = read(0)
  while (coming !== null) {
    const part: Part = await coming
    coming = part.next < 0 ? null : read(part.next)
    coming?.catch(() => {}) // it is thrown when it is awaited, if it still is
    yield part
  }
}
