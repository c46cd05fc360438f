/** The ring scenario, small; and that a stall counts for all calls that wait behind it. */
import t from 'tap'
import { BenchError } from '../../bench/bench-error.js'
import { type Clock, ScheduledCalls } from '../../bench/peers/call-load.js'
import { ring } from '../../bench/scenarios/ring.js'

t.test('only rates that rise, and peers that have messages', async (t) => {
  const run = (values: Record<string, string>) => ring.run({ action: null, values, seed: '1', progress: () => {} })
  await t.rejects(run({ rates: '100,50' }), BenchError)
  await t.rejects(run({ rates: 'many' }), BenchError)
  await t.rejects(run({ peers: 'libcoap-dtls' }), BenchError)
})

/** Stands still until told. */
class VirtualClock implements Clock {
  #nowMs = 0
  #run: () => void = () => {}

  nowMs(): number {
    return this.#nowMs
  }

  every(_ms: number, run: () => void): () => void {
    this.#run = run
    return () => {
      this.#run = () => {}
    }
  }

  /** Passes time in which nothing of this process ran, then a tick. */
  pass(ms: number): void {
    this.#nowMs += ms
    this.#run()
  }
}

t.test('a stall of the sender counts for every call that was due meanwhile', async (t) => {
  const clock = new VirtualClock()
  const sent: [number, string][] = []
  let answer: (token: string) => void = () => {}
  const calls = new ScheduledCalls(
    { perSecond: 100, calls: 11 },
    3,
    (device, token) => sent.push([device, token]),
    clock,
  )
  const facts = calls.run((onAnswer) => {
    answer = onAnswer
  })
  clock.pass(100)
  t.equal(sent.length, 11, 'all that were due go out at once')
  t.same(
    sent.slice(0, 4).map(([device]) => device),
    [1, 2, 3, 1],
  )
  for (const [, token] of sent) answer(token)
  const { p50Ms, maxMs, lost } = await facts
  t.equal(Math.round(p50Ms!), 50, 'half of them were due 50 ms ago or more')
  t.equal(Math.round(maxMs!), 100)
  t.equal(lost, 0)
})

t.test('what is not answered is lost, and none is no latency of zero', async (t) => {
  const clock = new VirtualClock()
  const calls = new ScheduledCalls({ perSecond: 10, calls: 2 }, 1, () => {}, clock)
  const facts = calls.run(() => {})
  clock.pass(100)
  clock.pass(3001)
  t.match(await facts, { calls: 2, lost: 2, p50Ms: null, p99Ms: null, maxMs: null })
})

t.test('a late answer of the last run is none of this one', async (t) => {
  const clock = new VirtualClock()
  const tokens: string[] = []
  const run = async () => {
    let answer: (token: string) => void = () => {}
    const facts = new ScheduledCalls({ perSecond: 10, calls: 1 }, 1, (_device, token) => tokens.push(token), clock).run(
      (onAnswer) => {
        answer = onAnswer
      },
    )
    clock.pass(0)
    answer(tokens[0]!)
    clock.pass(3001)
    return await facts
  }
  t.match(await run(), { lost: 0 })
  t.match(await run(), { lost: 1 })
})
