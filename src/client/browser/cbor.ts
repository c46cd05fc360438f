/**
 * CBOR for browsers: the part of RFC 8949 that the wire uses, as a drop-in for the class of `cbor-x/encode` that
 * `frame/cbor.ts` makes one of. The bundle takes it in its place: it is a tenth of the size, and makes no functions of
 * text, which a strict Content-Security-Policy refuses.
 */
import { concat } from '../../base/bytes.js'
import { utf8Bytes, utf8Text } from '../../base/text.js'

type Value = number | bigint | string | Uint8Array | readonly Value[]

const U32_MAX = 0xffff_ffff
const Major = { unsigned: 0, negative: 1, bytes: 2, text: 3, array: 4 } as const

/** Reads and writes integers, byte strings, text and arrays. */
export class Encoder {
  /** @returns fresh bytes. */
  encode(value: Value): Uint8Array {
    if (typeof value === 'number' || typeof value === 'bigint') {
      const number = Number(value)
      return number < 0 ? head(Major.negative, -1 - number) : head(Major.unsigned, number)
    }
    if (typeof value === 'string') {
      const text = utf8Bytes(value)
      return concat(head(Major.text, text.length), text)
    }
    if (value instanceof Uint8Array) return concat(head(Major.bytes, value.length), value)
    return concat(head(Major.array, value.length), ...value.map((item) => this.encode(item)))
  }

  /** Reads a sequence that `checkedLength` has let pass. Byte strings alias the bytes. */
  decodeMultiple(bytes: Uint8Array, take: (value: Value) => void): void {
    const reader = new Reader(bytes)
    while (reader.at < bytes.length) take(reader.value())
  }
}

class Reader {
  readonly #bytes: Uint8Array
  at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  value(): Value {
    const initial = this.#bytes[this.at++] as number
    const argument = this.#argument(initial & 0x1f)
    switch (initial >> 5) {
      case Major.unsigned:
        return argument
      case Major.negative:
        return -1 - argument
      case Major.bytes:
        return this.#take(argument)
      case Major.text:
        return utf8Text(this.#take(argument)) as string
      default:
        return Array.from({ length: argument }, () => this.value())
    }
  }

  #argument(short: number): number {
    if (short < 24) return short
    let argument = 0
    for (let left = 2 ** (short - 24); left > 0; left--) argument = argument * 256 + (this.#bytes[this.at++] as number)
    return argument
  }

  #take(length: number): Uint8Array {
    this.at += length
    return this.#bytes.subarray(this.at - length, this.at)
  }
}

/** RFC 8949 §3, in the shortest form. */
function head(major: number, argument: number): Uint8Array {
  if (argument < 24) return Uint8Array.of((major << 5) | argument)
  const size = argument < 0x100 ? 0 : argument < 0x1_0000 ? 1 : argument <= U32_MAX ? 2 : 3
  const bytes = new Uint8Array(1 + 2 ** size)
  bytes[0] = (major << 5) | (24 + size)
  for (let at = bytes.length - 1, rest = argument; at > 0; at--, rest = Math.floor(rest / 256)) bytes[at] = rest % 256
  return bytes
}
