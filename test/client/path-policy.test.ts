/** The choice between UDP and TCP, against numbers worked out by hand from energy-nat §1 and §3. */
import t from 'tap'
import { choosePath, type PathFacts, pathJoulesPerDay, RADIO_COSTS } from '../../src/client/path-policy.js'

const CELLULAR: PathFacts = { network: 'cellular', udpIntervalS: 30, tcpIntervalS: 285 }

function near(t: { ok(is: boolean, say: string): void }, value: number, expected: number, part = 0.001): void {
  t.ok(Math.abs(value - expected) <= Math.abs(expected) * part, `${value} is about ${expected}`)
}

t.test('joules a day by hand', async (t) => {
  // UDP every 110 s on LTE: 785.4545 x (0.3 + 10.2 x 0.178 = 2.1156) = 1661.7; energy-nat §2 has 1660.
  near(t, pathJoulesPerDay('udp', 110, CELLULAR), 1661.7)
  near(t, pathJoulesPerDay('udp', 285, CELLULAR), 641.4)
  near(t, pathJoulesPerDay('udp', 15, CELLULAR), 12_186)
  // TCP every 285 s: 303.158 x (0.3 + 10.3 x 0.178 = 2.1334) + 4 x (0.3 + 10.6 x 0.178 = 2.1868) = 646.757 + 8.747.
  near(t, pathJoulesPerDay('tcp', 285, CELLULAR), 655.5)
  near(t, pathJoulesPerDay('tcp', 285, { ...CELLULAR, tcpSetupsPerDay: 0 }), 646.76)
  // Wi-Fi every 30 s: 2880 x (0.00984 + 0.2381 x 0.1193 = 0.0382453) = 110.15; energy-nat §2 has 109.
  near(t, pathJoulesPerDay('udp', 30, { ...CELLULAR, network: 'wifi' }), 110.15)
  near(t, pathJoulesPerDay('udp', 30, { ...CELLULAR, network: 'other' }), 110.15)
})

t.test('an interval below the tail keeps the radio up: 86,400 s of tail power, no more', async (t) => {
  near(t, pathJoulesPerDay('udp', 5, CELLULAR), 86_400 * 0.178)
  near(t, pathJoulesPerDay('udp', 1, CELLULAR), 86_400 * 0.178)
  const radio = { promotionJ: 2.79, tailS: 11.576, tailW: 1.06 }
  near(t, pathJoulesPerDay('udp', 10, { ...CELLULAR, radio }), 86_400 * 1.06)
})

t.test('the choice', async (t) => {
  const rows: [facts: Partial<PathFacts>, expected: 'udp' | 'tcp'][] = [
    [{ udpIntervalS: 30, tcpIntervalS: 285 }, 'tcp'],
    [{ udpIntervalS: 65, tcpIntervalS: 900 }, 'tcp'],
    [{ udpIntervalS: 285, tcpIntervalS: 285 }, 'udp'],
    [{ udpIntervalS: 280, tcpIntervalS: 300 }, 'udp'],
    [{ udpIntervalS: 300, tcpIntervalS: 240 }, 'udp'],
    [{ udpIntervalS: 120, tcpIntervalS: 1800 }, 'tcp'],
    [{ udpIntervalS: null, tcpIntervalS: 60 }, 'tcp'],
    [{ udpIntervalS: 15, tcpIntervalS: null }, 'udp'],
    [{ udpIntervalS: null, tcpIntervalS: null }, 'udp'],
    // Below the tail both keep the radio up: TCP saves nothing.
    [{ udpIntervalS: 4, tcpIntervalS: 9 }, 'udp'],
    // Connections that hardly live: 600 set-ups a day cost what the longer interval saves.
    [{ udpIntervalS: 120, tcpIntervalS: 600, tcpSetupsPerDay: 600 }, 'udp'],
  ]
  for (const [facts, expected] of rows) t.equal(choosePath({ ...CELLULAR, ...facts }), expected, JSON.stringify(facts))
})

t.test('the default radios are those of the table', async (t) => {
  near(t, RADIO_COSTS.wifi.promotionJ, 0.1244 * 0.0791)
  near(t, RADIO_COSTS.wifi.promotionJ + RADIO_COSTS.wifi.tailS * RADIO_COSTS.wifi.tailW, 0.038, 0.02)
  near(t, RADIO_COSTS.cellular.tailS * RADIO_COSTS.cellular.tailW, 1.8, 0.02)
})
