/** A source of secret random bytes, passed into the pure core. */
export interface Random {
  /** Fills `out` with random bytes and returns it. */
  fill<T extends Uint8Array>(out: T): T
}
