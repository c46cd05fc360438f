import t from 'tap'
import { SLOTS_PER_PART } from '../../src/endpoint/device-handle.js'
import { DeviceLoader } from '../../src/io/device-loader.js'
import type { DevicePart } from '../../src/store/parts.js'

/** Reads that are answered by the test, and a core that writes down what is loaded. */
function fakes(parts: number[]) {
  const reads: number[] = []
  const loaded: number[] = []
  const errors: unknown[] = []
  const open = new Map<number, { resolve: (part: DevicePart) => void; reject: (error: Error) => void }>()
  let onRead = () => {}
  const loader = new DeviceLoader({
    core: {
      deviceParts: parts,
      hub: { addDevice: () => {}, handleLoaded: (part) => void loaded.push(part) },
      endpoints: { load: async ({ count }) => ({ loaded: count, unreadable: 0 }) },
    },
    store: {
      devices: (part) => {
        reads.push(part)
        const read = new Promise<DevicePart>((resolve, reject) => open.set(part, { resolve, reject }))
        onRead()
        return read
      },
    },
    input: (load) => load({ monotonicMs: 0, wallMs: 0 }),
    onError: (error) => void errors.push(error),
    retryMs: 0,
  })
  const answer = (part: number) => {
    open.get(part)?.resolve({
      part,
      count: 1,
      slots: Uint32Array.of(part * SLOTS_PER_PART),
      generations: new Uint16Array(1),
      rotations: new Uint16Array(1),
      persons: Uint32Array.of(1),
      sessionEnds: new Uint32Array(1),
      sessions: new Uint8Array(0),
      unreadable: part === 7 ? 1 : 0,
    })
  }
  /** Settles at the next read. */
  const nextRead = () => new Promise<void>((resolve) => (onRead = resolve))
  return { loader, reads, loaded, errors, answer, open, nextRead }
}

t.test('a few at a time; what is wanted comes next, once', async (t) => {
  const { loader, reads, loaded, answer, nextRead } = fakes([0, 1, 2, 3, 4, 5, 6, 7])
  const all = loader.run()
  t.same(reads, [0, 1, 2, 3])
  for (const part of [6, 0, 6, 7, 99]) loader.want(part)
  for (const part of [2, 0, 6, 3]) {
    const next = nextRead()
    answer(part)
    await next
  }
  t.same(reads, [0, 1, 2, 3, 6, 7, 4, 5])
  t.match(loader, { left: 4 })
  for (const part of [5, 7, 1, 4]) answer(part)
  await all
  t.same(loaded.slice(0, 4), [2, 0, 6, 3])
  t.same([...loaded].sort(), [0, 1, 2, 3, 4, 5, 6, 7])
  t.match(loader, { left: 0, sessions: { loaded: 8, unreadable: 1 } })
})

t.test('what cannot be read comes again after the others', async (t) => {
  const { loader, reads, loaded, errors, answer, open, nextRead } = fakes([0, 1, 2, 3, 4, 5])
  const all = loader.run()
  let next = nextRead()
  open.get(0)?.reject(new Error('damaged'))
  await next
  t.match(errors, [{ message: 'damaged' }])
  t.same(reads, [0, 1, 2, 3, 4])
  for (const part of [1, 2]) {
    next = nextRead()
    answer(part)
    await next
  }
  t.same(reads, [0, 1, 2, 3, 4, 5, 0])
  for (const part of [3, 4, 5]) answer(part)
  next = nextRead()
  open.get(0)?.reject(new Error('still'))
  await next
  answer(0)
  await all
  t.same(loaded, [1, 2, 3, 4, 5, 0])
  t.equal(errors.length, 2)
})

t.test('stop waits for the reads that are under way, and begins no other', async (t) => {
  const { loader, reads, loaded, answer } = fakes([0, 1, 2, 3, 4])
  const all = loader.run()
  for (const part of [0, 1, 2]) answer(part)
  let hasStopped = false
  const stopped = loader.stop().then(() => {
    hasStopped = true
  })
  await new Promise(setImmediate)
  t.equal(hasStopped, false)
  answer(3)
  await stopped
  await all
  t.same([reads, loaded], [[0, 1, 2, 3], []])
  t.match(loader, { left: 5 })
})

t.test('a read that fails while it stops is no error; nothing to load is done at once', async (t) => {
  const { loader, errors, open } = fakes([0])
  const all = loader.run()
  const stopped = loader.stop()
  open.get(0)?.reject(new Error('closed'))
  await Promise.all([all, stopped])
  t.same(errors, [])
  const none = fakes([]).loader
  await none.run()
  await none.stop()
  t.equal(none.left, 0)
})

t.test('a turn of the event loop loads a few parts at most, also when they are there already', async (t) => {
  const parts = Array.from({ length: 20 }, (_, part) => part + 100)
  const { loader, reads, loaded, answer } = fakes(parts)
  let mostInTurn = 0
  let before = 0
  let answered = 0
  const turn = () => {
    mostInTurn = Math.max(mostInTurn, loaded.length - before)
    before = loaded.length
    for (; answered < reads.length; answered++) answer(reads[answered] as number)
    if (loader.left > 0) setImmediate(turn)
  }
  const all = loader.run()
  setImmediate(turn)
  await all
  t.equal(loaded.length, 20)
  t.ok(mostInTurn <= 4, `${mostInTurn} parts in a turn`)
})
