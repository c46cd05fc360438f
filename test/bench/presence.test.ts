/** The presence scenario, small: every change reaches each of the four applications that see the person. */
import t from 'tap'
import { BenchError } from '../../bench/bench-error.js'
import { soloDevices } from '../../bench/ours/changes.js'
import { presence } from '../../bench/scenarios/presence.js'

const run = (values: Record<string, string>, progress: (line: string) => void = () => {}) =>
  presence.run({ action: null, values, seed: '1', progress })

t.test('each person changes once, and has one device', async (t) => {
  // Of six devices the fifth and the sixth are of one account.
  t.same(soloDevices(8), [0, 1, 2, 3, 6, 7])
  t.same(soloDevices(5), [0, 1, 2, 3, 4], 'the second device of the last account is not there')
  await t.rejects(run({ devices: '60', rate: '41', seconds: '1' }), BenchError)
})
