import fc from 'fast-check'
import { fuzzing, mangled } from './fuzzing.js'

/**
 * What a stranger can make of a good datagram: cut at every length, lengthened, each bit flipped alone, several edits at
 * once, and random bytes. Calls `parse` with each; it must return, never throw.
 */
export function withHostileBytes(good: Uint8Array, parse: (bytes: Uint8Array) => void): void {
  for (let length = 0; length <= good.length; length++) parse(good.slice(0, length))
  parse(Uint8Array.from([...good, 0]))
  for (let bit = 0; bit < good.length * 8; bit++) parse(flipped(good, bit))
  const bytes = fc.oneof(fc.uint8Array({ maxLength: good.length + 20 }), mangled([good]))
  fc.assert(
    fc.property(bytes, (bytes) => {
      parse(bytes)
    }),
    fuzzing(200),
  )
}

/** A copy with one bit changed. */
export function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice()
  copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7))
  return copy
}
