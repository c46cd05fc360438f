/** `energy compare`: rings of phones by hand, bytes against captures, and a small run. */
import t from 'tap'
import { BenchError } from '../../bench/bench-error.js'
import { parseWords } from '../../bench/options.js'
import { plotSvg } from '../../bench/plot.js'
import { runPlan } from '../../bench/run.js'
import { SCENARIOS } from '../../bench/scenarios/all.js'
import { channels } from '../../bench/scenarios/energy/compare/channels.js'
import type { CompareRow } from '../../bench/scenarios/energy/compare/run.js'
import { activityBytes, bytesOf, packetsOf, WIRES } from '../../bench/scenarios/energy/compare/wire.js'
import { checkCompare } from '../../bench/scenarios/energy/compare.js'
import { ACTIVITIES, ActivityLog } from '../../bench/scenarios/keepalive/activity.js'
import { drawLives, type Life, type LifeEvent, type Network } from '../../bench/scenarios/keepalive/life.js'
import { Phone } from '../../bench/scenarios/keepalive/phone.js'
import { FixedPolicy } from '../../bench/scenarios/keepalive/rivals/fixed.js'
import { natPairs } from '../../bench/scenarios/keepalive/table.js'
import { SeededRandom } from '../../src/base/seeded-random.js'

const NETWORK: Network = {
  identity: 'home',
  udpLifetimeS: 60,
  udpUnrepliedLifetimeS: 30,
  tcpLifetimeS: 1000,
  tcpResets: false,
  portPreserved: false,
  probeTimerRatio: 1,
}

function live(policy: FixedPolicy, endS: number, ...events: LifeEvent[]) {
  const life: Life = {
    noise: new SeededRandom('noise'),
    events: [{ kind: 'network', atS: 0, network: NETWORK }, ...events],
    endS,
  }
  const phone = new Phone(policy, life, new ActivityLog(), 'cellular', 0)
  const reach = phone.run()
  const sent = (transport: 'udp' | 'tcp', activity: (typeof ACTIVITIES)[number]) =>
    phone.told.sent[transport][ACTIVITIES.indexOf(activity)]
  return { ...phone.told, reach, count: sent }
}

const ring = (atS: number): LifeEvent => ({ kind: 'ring', atS })

t.test('rings that find the mapping alive, dead, and no network', async (t) => {
  const alive = live(new FixedPolicy('udp', 50, true), 1000, ring(125))
  t.match(alive, { rings: 1, ringsReached: 1, ringsLate: 0 })
  t.equal(alive.count('udp', 'exchange'), 20, '0 to 100 s, then from 175 s on: the ring was as good as a beat')
  const dead = live(new FixedPolicy('udp', 100, true), 1000, ring(70), ring(150))
  t.match(dead, { rings: 2, ringsReached: 1, ringsLate: 1 }, 'the second is within 60 s of the ping at 100 s')
  t.equal(dead.count('udp', 'ring'), 2)
  const offline = live(new FixedPolicy('udp', 50, true), 1000, { kind: 'offline', atS: 60 }, ring(70), {
    kind: 'network',
    atS: 80,
    network: NETWORK,
  })
  t.match(offline, { rings: 0, ringsReached: 0, ringsLate: 1 }, 'nobody can be blamed, and it comes with the network')
})

t.test('a ring waits for the next connection, and is sent on it', async (t) => {
  const told = live(new FixedPolicy('tcp', 1500, true), 4000, ring(1200))
  t.match(told, { rings: 1, ringsReached: 0, ringsLate: 1 })
  t.same([told.count('tcp', 'connect'), told.count('tcp', 'ring'), told.count('udp', 'ring')], [3, 1, 0])
})

t.test('the server sees another address when a mapping is made anew, if the NAT keeps no ports', async (t) => {
  t.equal(live(new FixedPolicy('udp', 50, true), 1000).moves, 1, 'the first')
  t.equal(live(new FixedPolicy('udp', 100, true), 1000).moves, 10, 'each')
})

t.test('lives with rings are the same lives', async (t) => {
  const [nat] = natPairs()
  const [without, with20] = [drawLives(nat!, 2, 2, 'x'), drawLives(nat!, 2, 2, 'x', 20)]
  t.same(
    with20.map(({ events }) => events.filter(({ kind }) => kind !== 'ring')),
    without.map(({ events }) => events),
  )
  for (const { events } of with20) {
    const hours = events.filter(({ kind }) => kind === 'ring').map(({ atS }) => (atS % 86_400) / 3600)
    t.equal(hours.length, 40)
    t.ok(hours.every((hour) => hour >= 7 && hour <= 23))
    t.ok(events.every(({ atS }, index) => atS >= (events[index - 1]?.atS ?? 0)))
  }
})

t.test('bytes: ours as encoded, peers as captured and by the formats', async (t) => {
  const exchange = Object.fromEntries(
    Object.entries(WIRES).map(([name, wire]) => [name, activityBytes(wire, 'exchange')]),
  )
  t.match(exchange, {
    oursUdp: 24 + 28 + 19 + 28,
    oursTcp: 24 + 6 + 74 + (19 + 2 + 74) + 52,
    mqtt: 204,
    websocket: 208,
    xmpp: 392,
    quic: 108,
    coap: 121,
    simplePush: 212,
  })
  t.same([activityBytes(WIRES.mqtt, 'connect'), activityBytes(WIRES.websocket, 'connect')], [2475, 2715])
  t.ok([128 + 28, 256 + 28].includes(-WIRES.oursUdp.ring[0]), 'NOTIFY is padded')
  const sent = { udp: ACTIVITIES.map(() => 0), tcp: ACTIVITIES.map(() => 0) }
  sent.udp[ACTIVITIES.indexOf('exchange')] = 10
  sent.tcp[ACTIVITIES.indexOf('connect')] = 1
  t.equal(bytesOf({ udp: WIRES.quic, tcp: WIRES.mqtt }, sent, 2), 10 * 108 + 2475 + 2 * 2456)
  for (const wire of Object.values(WIRES)) {
    for (const packets of Object.values(packetsOf(wire))) {
      t.ok(packets.every(({ atS, bytes }, at) => bytes > 0 && atS >= (packets[at - 1]?.atS ?? 0)))
    }
  }
})

async function compare(...words: string[]) {
  const invocation = parseWords(['energy', 'compare', ...words], SCENARIOS)
  if (invocation.kind !== 'run') throw new Error('not a run')
  return runPlan(invocation, () => {})
}

t.test('a small run: every channel in every row, the same each time, with plots', async (t) => {
  const words = ['--phones', '2', '--profile', 'lte-verizon-2020', '--nat', 'udp.cpe.oneway']
  const [run, again] = [await compare(...words), await compare(...words)]
  t.same(run.printed, again.printed)
  const { rows } = run.printed as { rows: CompareRow[] }
  t.equal(rows.length, 1)
  const [row] = rows
  t.same(
    row!.channels.map(({ channel }) => channel),
    channels().map(({ name }) => name),
  )
  for (const score of row!.channels) {
    t.ok(score.joulesPerDay >= row!.floor.joulesPerDay * 0.9, `${score.channel}: its rings are in it`)
    t.ok(score.ringsReached <= score.rings && score.rings <= 2 * 20, score.channel)
    t.ok(score.reachability > 0 && score.reachability <= 1, score.channel)
    if (score.toOurs !== null) t.match(score.toOurs, { pairs: 2, ratio: Number })
  }
  const of = (name: string) => row!.channels.find(({ channel }) => channel === name)!
  t.ok(of('mqtt-best').joulesPerDay < of('mqtt-60s').joulesPerDay)
  t.ok(of('coap-cid-hourly').reachability < 0.2, 'who sleeps is not reached')
  const { plots, series } = run.record.scenarios[0]!
  t.same(
    plots.map(({ name }) => name),
    ['joules-udp-cpe-oneway', 'trade-udp-cpe-oneway', 'ratio', 'bytes'],
  )
  for (const plot of plots) t.match(plotSvg(plot), />mqtt-best</, plot.name)
  t.equal(series[0]!.rows.length, channels().length)
  const outcome = { result: run.printed, tables: [], parameters: {}, exitCode: 0 as const }
  t.match(checkCompare(outcome), [/1 rows, not 5/], 'what smoke would say')
})

t.test('compare refuses words that make no sense', async (t) => {
  for (const words of [
    ['--nat', 'x'],
    ['--profile', 'x'],
    ['--days', '0'],
    ['--pcap', 'x'],
  ]) {
    await t.rejects(compare(...words), BenchError, words.join(' '))
  }
})
