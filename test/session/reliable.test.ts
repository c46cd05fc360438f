import t from 'tap'
import type { ReliableFrame } from '../../src/frame/frame.js'
import { ReliableQueue } from '../../src/session/reliable.js'

const outcome = (id: number): ReliableFrame => ({ kind: 'outcome', id, ring: new Uint8Array(16), what: 0 })
const state = (id: number): ReliableFrame => ({ kind: 'state', id, version: 0, flags: 0 })
const ids = (frames: readonly { frame: ReliableFrame }[]): number[] => frames.map(({ frame }) => frame.id)

t.test('[R-7.3-3] eight frames wait, no more', async (t) => {
  const queue = new ReliableQueue()
  for (let id = 256; id < 264; id++) t.ok(queue.add(outcome(id), 1000, false))
  t.equal(queue.add(outcome(264), 1000, false), null)
  t.equal(queue.size, 8)
  t.ok(queue.remove(256))
  t.ok(queue.add(outcome(264), 1000, false))
})

t.test('an id waits once', async (t) => {
  const queue = new ReliableQueue()
  queue.add(outcome(300), 1000, false)
  t.equal(queue.add(state(300), 1000, true), null)
  t.equal(queue.has(300), true)
  t.equal(queue.has(301), false)
  t.equal(queue.find(300)?.frame.kind, 'outcome')
})

t.test('[R-7.3-2] an id that does not wait takes nothing out', async (t) => {
  const queue = new ReliableQueue()
  queue.add(outcome(300), 1000, false)
  t.equal(queue.remove(301), null)
  t.equal(queue.size, 1)
  t.equal(queue.remove(300)?.frame.id, 300)
  t.equal(queue.remove(300), null)
  t.equal(queue.size, 0)
})

t.test('repeats come 1, 2, 4 and then every 8 s after a frame was sent', async (t) => {
  const queue = new ReliableQueue()
  const waiting = queue.add(outcome(300), Infinity, false)!
  t.same(ids(queue.due(0)), [300], 'at once')
  let nowMs = 0
  for (const pauseMs of [1000, 2000, 4000, 8000, 8000, 8000]) {
    queue.sent(waiting, nowMs)
    t.equal(queue.nextMs(), nowMs + pauseMs)
    t.same(queue.due(nowMs + pauseMs - 1), [])
    nowMs += pauseMs
    t.same(ids(queue.due(nowMs)), [300])
  }
})

t.test(
  'what a device acks in its next packet is repeated four times by the clock, then when it is heard',
  async (t) => {
    for (const frame of [
      state(300),
      { kind: 'new-cid', id: 300, cid: new Uint8Array(5), token: new Uint8Array(12) } as const,
      { kind: 'server-key', id: 300, key: new Uint8Array(32) } as const,
    ]) {
      const queue = new ReliableQueue()
      const waiting = queue.add(frame, Infinity, true)!
      let nowMs = 0
      for (const pauseMs of [1000, 2000, 4000, 8000]) {
        queue.sent(waiting, nowMs)
        nowMs += pauseMs
        t.equal(queue.nextMs(), nowMs)
      }
      queue.sent(waiting, nowMs)
      t.equal(queue.nextMs(), Infinity)
      t.same(queue.dueOnHeard(nowMs + 999), [])
      t.same(ids(queue.dueOnHeard(nowMs + 1000)), [300])
    }
  },
)

t.test('a frame ends with its reason', async (t) => {
  const queue = new ReliableQueue()
  queue.add(outcome(300), 5000, false)
  queue.sent(queue.add(outcome(301), 700, false)!, 0)
  queue.sent(queue.find(300)!, 0)
  t.equal(queue.nextMs(), 700)
  t.same(ids(queue.take({ endedAtMs: 699 })), [])
  t.same(ids(queue.take({ endedAtMs: 700 })), [301])
  t.equal(queue.nextMs(), 1000)
  t.same(ids(queue.take('all')), [300])
  t.equal(queue.nextMs(), Infinity)
})

t.test('the endpoint knows its own frames', async (t) => {
  const queue = new ReliableQueue()
  queue.add(outcome(300), 5000, false)
  queue.add(state(301), 5000, true)
  queue.add(outcome(302), 5000, true)
  t.equal(queue.findOwn('outcome')?.frame.id, 302)
  t.equal(queue.findOwn('new-cid'), null)
  t.same(ids(queue.take('own')), [301, 302], 'in order')
  t.same(ids(queue.take('all')), [300])
})

t.test('under new keys all that waits begins anew', async (t) => {
  const queue = new ReliableQueue()
  const waiting = queue.add(outcome(300), Infinity, false)!
  for (const nowMs of [0, 1000, 3000]) queue.sent(waiting, nowMs)
  queue.restart(3500)
  t.same(ids(queue.due(4499)), [])
  t.same(ids(queue.due(4500)), [300])
  t.same(ids(queue.dueOnHeard(3500)), [300])
  queue.sent(waiting, 4500)
  t.equal(queue.nextMs(), 5500)
})
