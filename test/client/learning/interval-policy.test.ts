import t from 'tap'
import type { Now } from '../../../src/base/time.js'
import { IntervalPolicy } from '../../../src/client/learning/interval-policy.js'
import { NETWORKS_MAX } from '../../../src/client/learning/network-memory.js'

const WIFI = { id: 'home', kind: 'wifi' } as const
const CELLULAR = { id: '262-01 internet', kind: 'cellular' } as const
const digest = (identity: string): string => `<${[...identity].map((char) => char.charCodeAt(0)).join('-')}>`

/** A policy and its clock. */
class Bench {
  policy: IntervalPolicy
  now: Now = { monotonicMs: 1000, wallMs: 1_800_000_000_000 }

  constructor(stored: readonly unknown[] = []) {
    this.policy = new IntervalPolicy({ digest, stored })
  }

  pass(seconds: number): this {
    this.now = { monotonicMs: this.now.monotonicMs + seconds * 1000, wallMs: this.now.wallMs + seconds * 1000 }
    return this
  }

  /** Pings at the interval and probes when it wants to, against a NAT. */
  live(seconds: number, natS: number): void {
    const endMs = this.now.monotonicMs + seconds * 1000
    while (this.now.monotonicMs < endMs) {
      const intervalS = this.policy.intervalS(this.now)
      this.pass(intervalS)
      if (intervalS > natS) this.policy.mappingDied(intervalS, this.now)
      this.policy.pingAnswered(this.now)
      const probeS = this.policy.wantedProbeS(this.now)
      if (probeS === null) continue
      this.policy.probeStarted(probeS)
      this.pass(probeS)
      if (probeS < natS) this.policy.probeAnswered(this.now)
      else this.policy.probeFailed(this.now)
    }
  }
}

t.test('probes only on Wi-Fi, on a charger, or with the radio up, and after a ping was answered', async (t) => {
  const bench = new Bench()
  const { policy } = bench
  policy.enterNetwork(CELLULAR, bench.now)
  policy.radioUp(bench.now)
  t.equal(policy.wantedProbeS(bench.now), null, 'is the server there?')
  policy.pingAnswered(bench.now)
  t.equal(policy.wantedProbeS(bench.now), 60, 'the answer came just now: the radio is up')
  bench.pass(4)
  t.equal(policy.wantedProbeS(bench.now), null)
  policy.radioUp(bench.now)
  t.equal(policy.wantedProbeS(bench.now), 60)
  bench.pass(4)
  policy.charging(true)
  t.equal(policy.wantedProbeS(bench.now), 60)
  policy.charging(false)
  policy.enterNetwork(WIFI, bench.now)
  policy.pingAnswered(bench.now)
  t.equal(policy.wantedProbeS(bench.pass(60).now), 60)
  policy.probeStarted(60)
  t.equal(policy.wantedProbeS(bench.now), null, 'one at a time')
  policy.leaveNetwork(bench.now)
  t.equal(policy.wantedProbeS(bench.now), null)
  t.equal(policy.counts.abandoned, 1)
})

t.test('a probe without answer counts only if a ping has one', async (t) => {
  const bench = new Bench()
  const { policy } = bench
  policy.enterNetwork(WIFI, bench.now)
  policy.pingAnswered(bench.now)
  for (const isThere of [false, true, false, true]) {
    policy.probeStarted(60)
    policy.probeFailed(bench.pass(70).now)
    if (!isThere) policy.pingUnanswered(27, bench.now)
    policy.pingAnswered(bench.pass(100).now)
  }
  t.match(policy.counts, { sent: 4, failed: 2, abandoned: 2, tails: 2 })
  t.equal(policy.wantedProbeS(bench.now), 30, '60 s failed twice: now what the interval rests on')
})

/** Lives on TCP: pings at the interval, unless the radio is up every so many seconds. @returns seconds without a mapping. */
function liveOnTcp(bench: Bench, seconds: number, natS: number, radioUpEveryS = Infinity): number {
  const { policy } = bench
  const endMs = bench.now.monotonicMs + seconds * 1000
  let deadS = 0
  while (bench.now.monotonicMs < endMs) {
    const idleS = Math.min(policy.intervalS(bench.now), radioUpEveryS)
    bench.pass(idleS)
    if (idleS <= natS) policy.pingAnswered(bench.now, idleS)
    else {
      policy.pingUnanswered(idleS, bench.now)
      policy.pingAnswered(bench.pass(10).now)
      deadS += idleS - natS
    }
  }
  return deadS
}

t.test('over TCP the start is longer, and longer silences are tried on the connection itself', async (t) => {
  const bench = new Bench()
  const { policy } = bench
  policy.enterNetwork(CELLULAR, bench.now)
  t.equal(policy.intervalS(bench.now), 27)
  policy.useCarrier('tcp', bench.now)
  t.equal(policy.intervalOf('tcp', bench.now), 270)
  t.equal(policy.intervalOf('udp', bench.now), 27, 'what the other carrier would bear')
  t.equal(policy.intervalS(bench.now), 600, 'the next silence to try')
  t.equal(policy.wantedProbeS(bench.now), null, 'no probe on a socket of its own')
  policy.pingAnswered(bench.pass(450).now, 450)
  t.equal(policy.intervalOf('tcp', bench.now), 405, 'a ping that rode on other traffic proves its own silence')
  t.equal(policy.currentS, 900)
  policy.pingAnswered(bench.pass(882).now, 882)
  t.equal(policy.intervalOf('tcp', bench.now), 810, 'a trial that was early by its jitter counts')
  policy.pingAnswered(bench.pass(100).now)
  t.equal(policy.intervalOf('tcp', bench.now), 810, 'the first ping of a connection proves nothing')
  t.equal(policy.currentS, 810, 'for an hour here the next one is not worth it')
  policy.charging(true)
  t.equal(policy.currentS, 1800, 'never above what a server allows')
  policy.leaveNetwork(bench.now)
  t.equal(policy.currentS, 810, 'nothing is tried without a network')
})

t.test('over TCP an unanswered ping, or a reset, says that the mapping died', async (t) => {
  const bench = new Bench()
  const { policy } = bench
  policy.enterNetwork(CELLULAR, bench.now)
  policy.useCarrier('tcp', bench.now)
  policy.pingUnanswered(20, bench.now)
  t.equal(policy.counts.mappingsDied, 0, 'after so short a silence it is the network')
  policy.pingUnanswered(600, bench.now)
  t.equal(policy.intervalS(bench.now), 300, 'above what is known one death is believed: now what it rests on')
  policy.mappingDied(255, bench.now)
  t.equal(policy.intervalOf('tcp', bench.now), 135, 'below that it may be a router that was started anew: half')
  t.equal(policy.intervalS(bench.now), 300, 'and it is asked once more')
  policy.mappingDied(255, bench.now)
  t.equal(policy.intervalS(bench.now), 127, 'twice: no silence of 255 s is believed')
  policy.pingAnswered(bench.pass(127).now, 127)
  t.equal(policy.intervalS(bench.now), 180, 'the middle')
  policy.useCarrier('udp', bench.now)
  policy.pingUnanswered(27, bench.now)
  t.equal(policy.intervalS(bench.now), 27, 'over UDP it is found by a challenge')
})

t.test('over TCP a month behind any NAT: near its time, and hardly a moment without a mapping', async (t) => {
  for (const natS of [239, 255, 300, 540, 600, 900, 1200, 1800, 7440]) {
    for (const radioUpEveryS of [Infinity, 400]) {
      const bench = new Bench()
      bench.policy.enterNetwork(CELLULAR, bench.now)
      bench.policy.useCarrier('tcp', bench.now)
      const deadS = liveOnTcp(bench, 30 * 86_400, natS, radioUpEveryS)
      const intervalS = bench.policy.intervalOf('tcp', bench.now)
      const say = `${natS} s, radio up every ${radioUpEveryS} s: ${intervalS} s, dead for ${deadS} s`
      t.ok(intervalS < natS && intervalS >= Math.min(0.8 * natS, 1620, 0.9 * radioUpEveryS), say)
      t.ok(deadS < 0.002 * 30 * 86_400, say)
    }
  }
})

t.test('intervals by network, carrier and family; in the store without names; the oldest goes', async (t) => {
  const bench = new Bench()
  bench.policy.enterNetwork(WIFI, bench.now)
  bench.live(86_400, 200)
  const learnt = bench.policy.intervalS(bench.now)
  t.ok(learnt > 160 && learnt < 200)
  bench.policy.useFamily('ipv6', bench.now)
  t.equal(bench.policy.intervalS(bench.now), 27)
  const stored = JSON.parse(JSON.stringify(bench.policy.toStored())) as unknown[]
  t.notMatch(JSON.stringify(stored), 'home')
  const next = new Bench(stored)
  next.now = bench.now
  next.policy.enterNetwork(WIFI, next.now)
  t.equal(next.policy.intervalS(next.now), learnt, 'another process')
  for (let i = 0; i < NETWORKS_MAX; i++) next.policy.enterNetwork({ id: `${i}`, kind: 'wifi' }, next.now)
  t.equal(next.policy.toStored().length, NETWORKS_MAX)
  next.policy.enterNetwork(WIFI, next.now)
  t.equal(next.policy.intervalS(next.now), 27, 'forgotten')
  next.policy.enterNetwork({ id: null, kind: 'wifi' }, next.now)
  t.equal(next.policy.toStored().length, NETWORKS_MAX, 'a network without a name is not kept')
  const rubbish = [
    null,
    1,
    [],
    ['x'],
    ['x', 'udp', 1],
    ['x', 'udp', -1, 0, 0, 0, 0, 0, 0, 0],
    [1, 'udp', 0, 0, 0, 0, 0, 0, 0, 0],
  ]
  t.same(new IntervalPolicy({ digest, stored: rubbish }).toStored(), [])
})

t.test('on cellular a short stay is not worth the last per cents, a long one is', async (t) => {
  const short = new Bench()
  short.policy.enterNetwork(CELLULAR, short.now)
  short.live(1800, 1500)
  const long = new Bench()
  long.policy.enterNetwork(CELLULAR, long.now)
  long.live(30 * 86_400, 1500)
  t.ok(short.policy.intervalS(short.now) < long.policy.intervalS(long.now))
  t.ok(long.policy.intervalS(long.now) > 1500 * 0.83, `${long.policy.intervalS(long.now)} s`)
  t.ok(long.policy.counts.tails < 60, `${long.policy.counts.tails} tails in a month, checks each week included`)
  t.equal(long.policy.counts.mappingsDied, 0)
})

t.test('[R-9.5-2] asks once for each stay, tells once a day when the search has ended', async (t) => {
  const bench = new Bench()
  const { policy } = bench
  policy.enterNetwork(WIFI, bench.now)
  t.equal(policy.takeQuestion(), 1)
  t.equal(policy.takeQuestion(), null)
  policy.hint(2, 200)
  t.equal(policy.intervalS(bench.now), 27, 'another kind of network')
  policy.hint(1, 200)
  t.equal(policy.intervalS(bench.now), 180)
  t.equal(policy.takeReport(bench.now), null)
  bench.live(86_400, 300)
  const report = policy.takeReport(bench.now)
  t.ok(report?.network === 1 && report.seconds > 270 && report.seconds < 300)
  t.equal(policy.takeReport(bench.now), null)
  t.equal(policy.takeReport(bench.pass(86_400).now)?.network, 1)
  policy.enterNetwork(WIFI, bench.now)
  t.equal(policy.takeQuestion(), null, 'it knows')
})
