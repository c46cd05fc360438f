import { utf8Bytes, utf8Text } from '../base/text.js'
import { KEY_BYTES } from '../crypto/crypto.js'
import { BlockPool, UNIT_BYTES } from '../presence/block-pool.js'
import { Column } from '../presence/column.js'

/** Bytes of a name that are kept. */
export const DEVICE_NAME_BYTES_MAX = 64

/**
 * What only the handing over of a list key needs to know of a device (wire-spec §11): its public key and its name. 37
 * bytes a device and its name in steps of 8. At ten million devices they had better be asked from the store.
 */
export class DevicePapers {
  readonly #key = Column.spans(KEY_BYTES)
  readonly #block = Column.words()
  readonly #nameBytes = Column.bytes()
  readonly #names = new BlockPool()

  /** Bytes of all columns. */
  get allocatedBytes(): number {
    const columns = [this.#key, this.#block, this.#nameBytes]
    return columns.reduce((bytes, column) => bytes + column.allocatedBytes, this.#names.allocatedBytes)
  }

  /** Keeps the papers of a device. @param publicKey 32 B, copied. @param name cut after 64 B of UTF-8. */
  set(row: number, publicKey: Uint8Array, name: string): void {
    this.clear(row)
    this.#key.span(row).set(publicKey.subarray(0, KEY_BYTES))
    const bytes = cutName(name)
    if (bytes.length === 0) return
    const block = this.#names.take(unitsOf(bytes.length))
    this.#names.bytes(block, bytes.length).set(bytes)
    this.#block.set(row, block)
    this.#nameBytes.set(row, bytes.length)
  }

  /** Forgets the papers of a device. */
  clear(row: number): void {
    const bytes = this.#nameBytes.get(row)
    if (bytes > 0) this.#names.give(this.#block.get(row), unitsOf(bytes))
    if (bytes > 0) this.#nameBytes.set(row, 0)
  }

  /** Static public key of a device, 32 B, a copy. */
  publicKey(row: number): Uint8Array {
    return this.#key.span(row).slice()
  }

  /** Name of a device. */
  name(row: number): string {
    const bytes = this.#nameBytes.get(row)
    return bytes === 0 ? '' : (utf8Text(this.#names.bytes(this.#block.get(row), bytes)) ?? '')
  }
}

function unitsOf(bytes: number): number {
  return Math.ceil(bytes / UNIT_BYTES)
}

/** UTF-8 of a name, cut at a character. */
function cutName(name: string): Uint8Array {
  const bytes = utf8Bytes(name)
  let end = Math.min(bytes.length, DEVICE_NAME_BYTES_MAX)
  while (end > 0 && end < bytes.length && ((bytes[end] as number) & 0xc0) === 0x80) end--
  return bytes.subarray(0, end)
}
