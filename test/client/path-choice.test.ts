/** What a device that learns makes of two paths: it measures, chooses, remembers, and comes back. */
import t from 'tap'
import { IntervalPolicy } from '../../src/client/learning/interval-policy.js'
import type { Network } from '../../src/client/learning/network.js'
import { PathChoice } from '../../src/client/path-choice.js'
import { type Setting, setting } from './two-paths.js'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const STEP_MS = 500
const TRAIN: Network = { id: 'train', kind: 'cellular' }
const HOME: Network = { id: 'home', kind: 'wifi' }

interface Nat {
  udpMs: number
  tcpMs: number
  isReset?: boolean
  isUdpBlocked?: boolean
}

function behind(network: Network, { udpMs, tcpMs, isReset = false, isUdpBlocked = false }: Nat): Promise<Setting> {
  return setting(
    (udp, tcp) => {
      udp.keepsMs = udpMs
      udp.isBlocked = isUdpBlocked
      tcp.keepsMs = tcpMs
      tcp.isReset = isReset
    },
    { network },
  )
}

const learnt = ({ device }: Setting, carrier: 'udp' | 'tcp') =>
  device.keepalive().networks.find((one) => one.carrier === carrier)

t.test(
  '[R-8.3-12] mobile, UDP mappings of 65 s: TCP serves at once, as it needs fewer joules, and is measured itself',
  async (t) => {
    const one = await behind(TRAIN, { udpMs: 65_000, tcpMs: 21 * MINUTE_MS })
    await one.run(MINUTE_MS)
    t.equal(one.paths.kind, 'tcp')
    await one.run(8 * HOUR_MS, STEP_MS)
    const { safeS: tcpS = 0 } = learnt(one, 'tcp') ?? {}
    t.ok(tcpS > 1000 && tcpS < 1260, `TCP ${tcpS} s`)
    t.equal(one.paths.kind, 'tcp')
    t.equal(one.handshakes(), 1)
  },
)

t.test('mobile, UDP mappings known to last 10 minutes: no connection is needed', async (t) => {
  const one = await behind(TRAIN, { udpMs: 10 * MINUTE_MS, tcpMs: 20 * MINUTE_MS })
  one.tcp.isBlocked = true // so UDP serves, and is measured
  await one.run(6 * HOUR_MS, STEP_MS)
  one.tcp.isBlocked = false
  one.device.networkChanged(TRAIN)
  await one.run(6 * HOUR_MS, STEP_MS)
  t.equal(one.paths.kind, 'udp')
  t.equal(one.tcp.opens, 0)
  const { safeS = 0 } = learnt(one, 'udp') ?? {}
  t.ok(safeS > 500 && safeS < 600, `UDP ${safeS} s`)
  t.equal(one.handshakes(), 1)
})

t.test(
  '[R-8.3-13] UDP that did not pass is remembered: the connection is opened at once, and UDP may still win',
  async (t) => {
    // of an unknown kind nobody knows what a wake-up costs: no choice by cost
    const [here, there] = [HOME, TRAIN].map((network) => ({ ...network, kind: 'unknown' as const })) as [
      Network,
      Network,
    ]
    const one = await behind(here, { udpMs: 10 * MINUTE_MS, tcpMs: HOUR_MS, isUdpBlocked: true })
    await one.run(9000)
    t.equal(one.paths.kind, 'tcp')
    one.udp.isBlocked = false
    one.device.networkChanged(there)
    await one.run(1000)
    t.equal(one.paths.kind, 'udp', 'of another network nothing is known')
    t.equal(one.tcp.opens, 1)
    one.udp.isBlocked = true
    one.device.networkChanged(here)
    await one.run(500)
    t.equal(one.paths.kind, 'tcp', 'no 7 s of patience')
    t.ok(one.device.isOnline)
    one.udp.isBlocked = false
    one.udp.sent = []
    one.device.networkChanged(here)
    await one.run(2000)
    t.equal(one.paths.kind, 'udp', 'it answered')
    t.notOk(one.tcp.isOpen)
    one.device.networkChanged(there)
    await one.run(1000)
    const { opens } = one.tcp
    one.device.networkChanged(here)
    await one.run(1000)
    t.equal(one.tcp.opens, opens, 'and that is remembered too')
    t.equal(one.handshakes(), 1)
  },
)

for (const isReset of [false, true]) {
  t.test(
    `[R-8.3-11] connections forgotten after 100 s, ${isReset ? 'with a reset' : 'silently'}: the interval follows`,
    async (t) => {
      const one = await behind(TRAIN, { udpMs: 20_000, tcpMs: 100_000, isReset })
      await one.run(8 * HOUR_MS, STEP_MS)
      const { safeS = 0, boundS = 0 } = learnt(one, 'tcp') ?? {}
      t.ok(safeS > 60 && safeS < 100, `${safeS} s, bound ${boundS} s`)
      t.equal(one.paths.kind, 'tcp')
      t.equal(one.handshakes(), 1)
      const { opens } = one.tcp
      await one.run(2 * HOUR_MS, STEP_MS)
      t.equal(one.tcp.opens, opens, 'and then connections live')
    },
  )
}

t.test('a hint of the server takes a new device back to UDP: it comes with the first answer', async (t) => {
  const now = { monotonicMs: 1000, wallMs: 1_800_000_000_000 }
  const policy = new IntervalPolicy({ digest: (text) => text })
  const choice = new PathChoice(policy, true)
  policy.enterNetwork(TRAIN, now)
  choice.handleNetwork(now)
  t.equal(choice.wish.kind, 'tcp')
  policy.hint(2, 600)
  choice.handleAnswered('udp', { ...now, monotonicMs: 1200 })
  t.equal(choice.wish.kind, 'udp')
})
