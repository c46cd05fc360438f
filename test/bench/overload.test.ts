/** What overload and mixed read out of probes and of `/metrics`. */
import t from 'tap'
import { MetricHistogram } from '../../bench/ours/metric-histogram.js'
import { type Probe, probeFacts } from '../../bench/ours/probes.js'
import { recoverySeconds } from '../../bench/scenarios/overload/recovery.js'

/** Ten probes a second from `fromMs` on, all waiting alike. */
function probesOf(fromMs: number, seconds: number, waitedMs: number | null): Probe[] {
  return Array.from({ length: 10 * seconds }, (_, nth) => ({ dueMs: fromMs + nth * 100, waitedMs }))
}

t.test('a server has recovered when nothing is lost and pongs are as fast as before, and stays so', async (t) => {
  const before = probesOf(0, 5, null)
  t.equal(recoverySeconds([...before, ...probesOf(5000, 3, 2)], 5000, 10), 0, 'what came before the end does not count')
  t.equal(recoverySeconds([...probesOf(5000, 2, null), ...probesOf(7000, 3, 2)], 5000, 10), 2)
  t.equal(recoverySeconds([...probesOf(5000, 2, 11), ...probesOf(7000, 3, 2)], 5000, 10), 2)
  const relapse = [...probesOf(5000, 0.5, 2), ...probesOf(5500, 0.5, 50), ...probesOf(6000, 2, 2)]
  t.equal(recoverySeconds(relapse, 5000, 10), 1, 'one good window is no recovery')
  t.equal(recoverySeconds(probesOf(5000, 3, null), 5000, 10), null)
  t.equal(recoverySeconds(before, 5000, 10), null, 'nobody asked')
})

t.test('percentiles of probes are of those that were answered, and the others are lost', async (t) => {
  const facts = probeFacts([...probesOf(0, 1, 4), ...probesOf(1000, 1, null)])
  t.match(facts, { probes: 20, lost: 10 })
  t.equal(Math.round(facts.p50Ms!), 4)
  t.match(probeFacts(probesOf(0, 1, null)), { lost: 10, p50Ms: null, p99Ms: null, maxMs: null })
})

t.test('a histogram of /metrics is that between two readings', async (t) => {
  const reading = (...below: number[]) =>
    new Map(below.map((count, nth) => [`delay_bucket{le="${['0.001', '0.01', '0.1', '+Inf'][nth]}"}`, count]))
  const histogram = new MetricHistogram('delay', reading(100, 100, 100, 100), reading(190, 199, 200, 200))
  t.equal(histogram.count, 100)
  t.equal(histogram.quantile(0.45)?.toFixed(6), '0.000500')
  t.equal(histogram.quantile(0.99)?.toFixed(6), '0.010000', 'by proportion within its bucket')
  t.equal(histogram.quantile(1), 0.1, 'the bound of the highest bucket with any')
  t.equal(new MetricHistogram('delay', reading(0, 0, 0, 0), reading(1, 1, 1, 2)).quantile(1), null, 'above all bounds')
  t.equal(new MetricHistogram('delay', new Map(), new Map()).quantile(0.5), null)
})
