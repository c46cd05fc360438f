/** Every scenario once, small, on real servers and the peers that are installed: `npm run bench -- smoke`. */
import t from 'tap'
import { parseWords } from '../../bench/options.js'
import { PEERS } from '../../bench/peers/all.js'
import { missing } from '../../bench/peers/stage.js'
import { runPlan } from '../../bench/run.js'
import { SCENARIOS } from '../../bench/scenarios/all.js'

type Json = Record<string, unknown>

/** Keys of `--json` that others rely on. */
const KEYS: Record<string, readonly string[]> = {
  wire: [
    ...['pingBytes', 'pongBytes', 'exchangeIpv4Bytes', 'handshakeBytes', 'ackBytes', 'resetBytes', 'cookieBytes'],
    ...['maxUnauthenticatedReplyRatio', 'peers'],
  ],
  load: [
    ...['devices', 'pingsPerSecond', 'cpuMicrosPerPing', 'peers', 'ratioToMosquittoTls'],
    'ratioToMosquittoTlsTenth',
  ],
  memory: ['devices', 'bytesPerDevice', 'peers'],
  restart: [
    ...['devices', 'readySeconds', 'handshakes', 'falseOffline', 'lostRings', 'pingsSent', 'pingsAccepted', 'resyncs'],
    ...['openRings', 'outcomes'],
  ],
  expiry: ['devices', 'persons', 'told', 'early', 'strangers', 'lateMaxMs', 'toldMaxMs'],
  ring: ['ratePerSecond', 'p50Ms', 'p99Ms'],
  mixed: ['devices', 'pingsPerSecond', 'ringsPerSecond', 'changesPerSecond', 'eventLoopDelayP99Ms', 'pongP99Ms'],
  overload: ['devices', 'offeredPerSecond', 'servedShare', 'rssBytesBefore', 'rssBytesPeak', 'recoverySeconds'],
  outcomes: ['rings', 'outcomes', 'duplicates', 'missing', 'kills'],
}

t.test('smoke: every scenario runs, and its counts are right', async (t) => {
  const plan = parseWords(['smoke'], SCENARIOS)
  if (plan.kind !== 'run') throw new Error('no run')
  const { record, printed, exitCode } = await runPlan(plan, (line) => t.comment(line))
  for (const { name, action, faults } of record.scenarios) t.same(faults, [], `${name} ${action ?? ''}`)
  t.same(
    [...new Set(record.scenarios.map(({ name }) => name))],
    // `store` makes what others start on: it is no run of either.
    SCENARIOS.map(({ name }) => name).filter((name) => name !== 'store'),
  )
  t.equal(exitCode, 0)
  const results = printed as Record<string, Json>
  for (const [name, keys] of Object.entries(KEYS))
    t.ok(
      keys.every((key) => key in (results[name] ?? {})),
      name,
    )
  const { rings, outcomes, ...none } = results['outcomes'] as Json
  t.match({ rings, outcomes, ...none }, { rings: 200, outcomes: 200, duplicates: 0, missing: 0, kills: 1 })
  const rows = results['load']!['peers'] as Record<string, Json>
  for (const peer of PEERS) {
    const reason = missing(peer)
    await t.test(peer.name, { skip: reason ?? false }, async (t) => {
      t.equal(rows[peer.name]!['clients'], 64)
      t.ok(Number(rows[peer.name]!['cpuMicrosPerPing']) > 0)
    })
    if (reason !== null) t.equal(rows[peer.name]!['missing'], reason)
  }
})
