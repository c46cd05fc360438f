import fc from 'fast-check'
import t from 'tap'
import { loadRadioProfiles, radioProfile } from '../../bench/models/load.js'
import { type RadioPacket, radioUsage } from '../../bench/models/radio.js'
import {
  type Energybox3gProfile,
  type EnergyboxWifiProfile,
  promotionS,
  type RadioProfile,
  type TailProfile,
  tailS,
} from '../../bench/models/radio-profile.js'

const PUSH = { source: 'test', idleBaseS: 0, pagingCycleS: 0, connectedBaseS: 0, drxCycleS: 0 }
/** 1 s of 2 W, then 4 s of 1 W, then 10 s of 0.5 W; idle 0.1 W. */
const PLAIN: TailProfile = {
  name: 'plain',
  generation: 'test',
  radio: 'cellular',
  device: 'phone',
  year: 2000,
  source: 'test',
  machine: 'tail',
  push: PUSH,
  idle: { state: 'IDLE', powerMilliwatts: 100 },
  promotions: [{ state: 'PROMOTION', durationS: 1, powerMilliwatts: 2000 }],
  tail: [
    { state: 'HIGH', durationS: 4, powerMilliwatts: 1000 },
    { state: 'LOW', durationS: 10, powerMilliwatts: 500 },
  ],
}
const up = (atS: number, bytes = 60): RadioPacket => ({ atS, bytes, up: true })
const down = (atS: number, bytes = 60): RadioPacket => ({ atS, bytes, up: false })

t.test('a tail by hand', async (t) => {
  const one = radioUsage(PLAIN, [up(5)])
  t.same(one.secondsByState, { IDLE: 0, PROMOTION: 1, HIGH: 4, LOW: 10 })
  t.equal(one.joules, 2 + 4 + 5)
  t.same(
    one.changes.map(({ atS, state }) => `${atS} ${state}`),
    ['5 IDLE', '5 PROMOTION', '6 HIGH', '10 LOW', '20 IDLE'],
  )
  t.same(radioUsage(PLAIN, [up(0), up(0.5)]).secondsByState, one.secondsByState, 'a packet waits for the promotion')
  t.same(radioUsage(PLAIN, [up(0), up(3)]).secondsByState, { IDLE: 0, PROMOTION: 1, HIGH: 6, LOW: 10 })
  t.same(radioUsage(PLAIN, [up(0), down(8)]).secondsByState, { IDLE: 0, PROMOTION: 1, HIGH: 8, LOW: 13 })
  t.same(radioUsage(PLAIN, [up(0), up(17)]).secondsByState, { IDLE: 2, PROMOTION: 2, HIGH: 8, LOW: 20 })
  t.same(radioUsage(PLAIN, [], 30, 10).secondsByState, { IDLE: 20, PROMOTION: 0, HIGH: 0, LOW: 0 })
})

t.test('stages where small packets stay, listening cycles, bits, variants', async (t) => {
  const [high, low] = PLAIN.tail
  const promotion = { state: 'LIFT', durationS: 2, powerMilliwatts: 1000 }
  const sticky: TailProfile = {
    ...PLAIN,
    tail: [high!, { ...low!, restartBelowBytes: { up: 100, down: 50 }, promotion }],
  }
  t.same(radioUsage(sticky, [up(0), up(8)]).secondsByState, { IDLE: 0, PROMOTION: 1, HIGH: 4, LOW: 13, LIFT: 0 })
  t.same(radioUsage(sticky, [up(0), down(8)]).secondsByState, { IDLE: 0, PROMOTION: 1, HIGH: 8, LOW: 13, LIFT: 2 })
  const listening = { ...high!, drx: { cycleS: 0.4, onS: 0.1, onPowerMilliwatts: 3000 } }
  t.equal(radioUsage({ ...PLAIN, tail: [listening, low!] }, [up(0)]).joules, 2 + 4 * 1.5 + 5)
  const bits: TailProfile = { ...PLAIN, transfer: { upMilliwattsPerMbps: 500, downMilliwattsPerMbps: 50 } }
  t.equal(radioUsage(bits, [up(0, 125_000)]).joules, 11.5, '1 Mb at 500 mW per Mbps is 0.5 J')
  const variants = [
    { weight: 1, tailDurationsS: [2, 10] },
    { weight: 3, tailDurationsS: [6, 10] },
  ]
  t.same(radioUsage({ ...PLAIN, variants }, [up(0)]).secondsByState, { IDLE: 0, PROMOTION: 1, HIGH: 5, LOW: 10 })
})

t.test("EnergyBox's 3G rules, one by one", async (t) => {
  const profile = radioProfile('energybox-3g') as Energybox3gProfile
  const seconds = (...packets: RadioPacket[]) => {
    const { IDLE, FACH, DCH } = radioUsage(profile, packets).secondsByState
    return [IDLE, FACH, DCH].map((each) => Math.round(each! * 1e5) / 1e5)
  }
  t.same(seconds(up(0, 1000)), [0, 5.6, 0], 'up to 1000 B to FACH')
  t.same(seconds(up(0, 1001)), [1.7, 5.6, 2.4], 'above: DCH after the transition')
  t.same(seconds(up(0, 1001), up(1.7)), [0, 5.6, 5.8], 'at once, if a packet comes within it')
  t.same(seconds(up(0, 1001), up(1.8)), [1.7, 5.6, 4.2])
  t.same(seconds(down(0, 515)), [0, 5.6, 0])
  t.same(seconds(down(0, 516)), [0, 5.6, 4.1])
  t.same(seconds(up(0), up(1, 294)), [0, 6.6, 0])
  t.same(seconds(up(0), up(1, 295)), [0, 6.6, 4.1])
  t.same(seconds(up(0), down(1, 515)), [0, 6.6, 0])
  t.same(seconds(up(0), down(1, 516)), [0, 6.6, 4.1])
  // 200 B drain in 0.24001 s
  t.same(seconds(up(0), up(1, 200), up(1.24001, 95)), [0, 6.84001, 4.1], 'still counted')
  t.same(seconds(up(0), up(1, 200), up(1.24002, 95)), [0, 6.84002, 0], 'drained')
  t.same(seconds(up(0), down(1, 500), down(1.03, 16)), [0, 6.63, 4.1])
  t.same(seconds(up(0), down(1, 500), down(1.03001, 16)), [0, 6.63001, 0])
  t.same(seconds(up(0), up(1, 200), down(1.1, 400)), [0, 6.7, 0], 'a counter for each direction')
  t.same(seconds(down(0, 600), up(4.1)), [0, 5.6, 8.2], 'a gap of just the timer demotes nothing')
  t.same(seconds(down(0, 600), up(4.2)), [0, 5.7, 4.1])
  t.same(seconds(down(0, 600), up(9.7)), [0, 11.2, 4.1])
  t.same(seconds(down(0, 600), up(9.8)), [0.1, 11.2, 4.1])
  t.same(seconds(up(0), up(5.6)), [0, 11.2, 0])
  t.same(seconds(up(0), up(5.7)), [0.1, 11.2, 0])
  t.same(
    seconds(down(0, 600), up(1), down(0.9)),
    [0, 5.6, 5],
    'out of order: the timer runs from the packet before in the file',
  )
})

t.test("EnergyBox's Wi-Fi rules", async (t) => {
  const profile = radioProfile('energybox-wifi') as EnergyboxWifiProfile
  const seconds = (...packets: RadioPacket[]) => {
    const { PSM, CAM, CAMH } = radioUsage(profile, packets).secondsByState
    return [PSM, CAM, CAMH].map((each) => Math.round(each! * 1e6) / 1e6)
  }
  t.same(seconds(up(0)), [0, 0.22, 0])
  t.same(seconds(up(0), up(0.22)), [0, 0.44, 0])
  t.same(seconds(up(0), up(0.23)), [0.01, 0.44, 0])
  t.same(seconds(down(0, 1500), up(0.01, 1500)), [0, 0.23, 0], '3000 B in a window are not above it')
  t.same(seconds(down(0, 1500), up(0.01, 1501)), [0, 0.18, 0.05])
  t.same(seconds(up(0), down(0.06, 3001)), [0, 0.23, 0.05], 'the window from 0.05 to 0.1')
})

const traces = fc.array(
  fc.record({
    atS: fc.double({ min: 0, max: 300, noNaN: true }),
    bytes: fc.integer({ min: 1, max: 1500 }),
    up: fc.boolean(),
  }),
  { maxLength: 30 },
)
const sorted = (packets: RadioPacket[]) => [...packets].sort((a, b) => a.atS - b.atS)
const sum = (seconds: Record<string, number>) => Object.values(seconds).reduce((total, each) => total + each, 0)
const near = (a: number, b: number) => Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(a))

for (const profile of loadRadioProfiles().values()) {
  t.test(`${profile.name}: energy is never negative, adds up in time, and seconds fill the span`, async () => {
    fc.assert(
      fc.property(traces, traces, (first, second) => {
        const [a, b] = [sorted(first), sorted(second)]
        const apartS = 600 + tailS(profile) + promotionS(profile)
        const shifted = b.map((packet) => ({ ...packet, atS: packet.atS + apartS }))
        const [one, two] = [radioUsage(profile, a, apartS, 0), radioUsage(profile, shifted, 3 * apartS, apartS)]
        const both = radioUsage(profile, [...a, ...shifted], 3 * apartS, 0)
        const nonNegative = [one.joules, ...Object.values(one.secondsByState)].every((each) => each >= 0)
        // Windows of EnergyBox's Wi-Fi begin with the trace: bytes fall into others when it is cut.
        const addsUp = profile.machine === 'energybox-wifi' || near(both.joules, one.joules + two.joules)
        return nonNegative && addsUp && near(sum(both.secondsByState), 3 * apartS)
      }),
    )
    // Any order of arrival, as in a broken capture.
    fc.assert(
      fc.property(traces, (packets) => {
        const { joules, secondsByState } = radioUsage(profile, packets)
        return joules >= 0 && Object.values(secondsByState).every((each) => each >= 0)
      }),
    )
  })
}

t.test('a longer tail never costs less', async () => {
  const longer = (profile: RadioProfile, byS: number): RadioProfile => {
    if (profile.machine === 'energybox-wifi') {
      return { ...profile, rules: { ...profile.rules, camToPsmS: profile.rules.camToPsmS + byS } }
    }
    if (profile.machine === 'energybox-3g') return profile
    const { variants: _, ...plain } = profile
    const [first, ...rest] = profile.tail
    return { ...plain, tail: [{ ...first!, durationS: first!.durationS + byS }, ...rest] }
  }
  for (const profile of loadRadioProfiles().values()) {
    fc.assert(
      fc.property(traces, fc.double({ min: 0, max: 30, noNaN: true }), (packets, byS) => {
        const trace = sorted(packets)
        const [base, more] = [longer(profile, 0), longer(profile, byS)]
        return radioUsage(more, trace, 1000, 0).joules >= radioUsage(base, trace, 1000, 0).joules - 1e-9
      }),
      { numRuns: 30 },
    )
  }
})

t.test('every profile is complete', async (t) => {
  for (const { name, source, idle, push } of loadRadioProfiles().values()) {
    t.ok(source.length > 10 && push.source.length > 5 && idle.powerMilliwatts >= 0, name)
  }
})
