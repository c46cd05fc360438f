/** The presence scenario, small: every change reaches each of the four applications that see the person. */
import t from 'tap'
import { BenchError } from '../../bench/bench-error.js'
import { soloDevices } from '../../bench/ours/changes.js'
import { presence } from '../../bench/scenarios/presence.js'

const run = (values: Record<string, string>, progress: (line: string) => void = () => {}) =>
  presence.run({ action: null, values, seed: '1', progress })

t.test('40 changes to 8 applications, by stream and by webhook', async (t) => {
  const { result } = await run({ devices: '120', apps: '8', rate: '40', seconds: '1' }, (line) => t.comment(line))
  const told = { expected: 160, delivered: 160, lost: 0 }
  t.match(result, { devices: 120, applications: 8, changesPerSecond: 40, changes: 40, stream: told, webhook: told })
  const { stream, webhook } = result as Record<string, { p50Ms: number; p99Ms: number }>
  for (const way of [stream!, webhook!]) t.ok(way.p50Ms > 0 && way.p99Ms >= way.p50Ms)
})

t.test('each person changes once, and has one device', async (t) => {
  // Of six devices the fifth and the sixth are of one account.
  t.same(soloDevices(8), [0, 1, 2, 3, 6, 7])
  t.same(soloDevices(5), [0, 1, 2, 3, 4], 'the second device of the last account is not there')
  await t.rejects(run({ devices: '60', rate: '41', seconds: '1' }), BenchError)
})
