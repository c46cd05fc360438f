/**
 * Keeps one byte string. It holds keys in the clear: protect it as such. Old or copied bytes are no danger to secrecy
 * (wire-spec §5.3), they cost a handshake at most.
 */
export interface Storage {
  /** What was saved last, or null. */
  load(): Promise<Uint8Array | null>
  /** Settles when the bytes are durable: they, or what was there before, survive a crash at any moment. */
  save(bytes: Uint8Array): Promise<void>
}

/** A storage that ends with the process: for tests, and for devices that should leave no trace. */
export class MemoryStorage implements Storage {
  #bytes: Uint8Array | null

  /** @param bytes what it holds at first; null for nothing. */
  constructor(bytes: Uint8Array | null = null) {
    this.#bytes = bytes
  }

  async load(): Promise<Uint8Array | null> {
    return this.#bytes?.slice() ?? null
  }

  async save(bytes: Uint8Array): Promise<void> {
    this.#bytes = bytes.slice()
  }
}
