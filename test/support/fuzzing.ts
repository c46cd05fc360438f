import fc from 'fast-check'

/**
 * How long a fuzz test runs: in CI `runs` random cases from a fixed seed; the variables PILOTLIGHT_RUNS and PILOTLIGHT_SEED
 * ask for more, and for others.
 */
export function fuzzing(runs: number): { numRuns: number; seed: number } {
  const { PILOTLIGHT_RUNS: asked = `${runs}`, PILOTLIGHT_SEED: seed = '42' } = process.env
  return { numRuns: Number(asked), seed: Number(seed) }
}

type Edit =
  | { do: 'flip'; at: number; bit: number }
  | { do: 'set'; at: number; byte: number }
  | { do: 'cut'; at: number; length: number }
  | { do: 'insert'; at: number; bytes: Uint8Array }
  | { do: 'splice'; at: number; other: number }

const at = fc.nat(2000)
const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ do: fc.constant('flip' as const), at, bit: fc.nat(7) }),
  fc.record({
    do: fc.constant('set' as const),
    at,
    byte: fc.constantFrom(0, 1, 0x17, 0x5b, 0x7f, 0x80, 0x9f, 0xbf, 0xff),
  }),
  fc.record({ do: fc.constant('cut' as const), at, length: fc.nat(40) }),
  fc.record({ do: fc.constant('insert' as const), at, bytes: fc.uint8Array({ maxLength: 20 }) }),
  fc.record({ do: fc.constant('splice' as const), at, other: fc.nat(100) }),
)

/** Good byte strings after some edits: bits flipped, bytes set, cut out, put in, the end taken from another of them. */
export function mangled(goods: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  return fc
    .tuple(fc.nat(goods.length - 1), fc.array(edit, { minLength: 1, maxLength: 4 }))
    .map(([index, edits]) => edits.reduce((bytes, one) => edited(bytes, one, goods), goods[index] as Uint8Array))
}

function edited(bytes: Uint8Array, edit: Edit, goods: readonly Uint8Array[]): Uint8Array {
  const place = edit.at % (bytes.length + 1)
  const [head, tail] = [bytes.subarray(0, place), bytes.subarray(place)]
  const [first = 0] = tail
  switch (edit.do) {
    case 'flip':
      return tail.length === 0 ? bytes : Uint8Array.from([...head, first ^ (1 << edit.bit), ...tail.subarray(1)])
    case 'set':
      return tail.length === 0 ? bytes : Uint8Array.from([...head, edit.byte, ...tail.subarray(1)])
    case 'cut':
      return Uint8Array.from([...head, ...tail.subarray(edit.length)])
    case 'insert':
      return Uint8Array.from([...head, ...edit.bytes, ...tail])
    case 'splice':
      return Uint8Array.from([...head, ...(goods[edit.other % goods.length] as Uint8Array).subarray(place)])
  }
}
