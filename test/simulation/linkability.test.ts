import t from 'tap'
import { SeededRandom } from '../../src/base/seeded-random.js'
import { idealCrypto } from '../../src/sim/ideal-crypto.js'
import { type DevicePath, Network, type Seen } from '../../src/sim/network.js'
import { SCENARIOS } from '../../src/sim/scenario.js'
import { World } from '../../src/sim/world.js'
import { likeness, type Trace } from './linker.js'

const DEVICES = 40
const BASE = { ...SCENARIOS[0]!, persons: DEVICES, devicesPerPerson: 1, keepaliveS: 20 }

/** Knows which device has an address. */
class KnownNetwork extends Network {
  readonly pathOf = new Map<string, DevicePath>()
  override map(path: DevicePath, host: number): Uint8Array {
    const outside = super.map(path, host)
    this.pathOf.set(outside.join('.'), path)
    return outside
  }
}

/**
 * Each device on two networks, both with losses.
 *
 * @param tells whether the devices are told that the network changed.
 */
function traces(seed: number, tells: boolean): { first: Trace; second: Trace }[] {
  let network: KnownNetwork | null = null
  const world = new World(BASE, seed, idealCrypto, {
    network: (queue, random) => {
      network = new KnownNetwork(queue, random)
      return network
    },
  })
  const seen = [new Map<DevicePath, Seen[]>(), new Map<DevicePath, Seen[]>()]
  let at = -1
  world.network.observe = (one) => {
    const path = network!.pathOf.get(one.outside.join('.'))!
    if (at >= 0) seen[at]!.set(path, [...(seen[at]!.get(path) ?? []), one])
  }
  world.startServer()
  for (const device of world.devices) device.start()
  world.queue.runUntil(60_000)
  for (const device of world.devices) device.path.conditions = { ...BASE.link, lossRatio: 0.3 }
  for (at = 0; at < 2; at++) {
    world.queue.runUntil(world.queue.nowMs + 90_000)
    if (at === 1) break
    // What is under way arrives on the network it was sent on.
    for (const device of world.devices) device.path.conditions = { ...BASE.link, lossRatio: 1 }
    world.queue.runUntil(world.queue.nowMs + 1000)
    for (const device of world.devices) {
      device.path.conditions = { ...BASE.link, lossRatio: 0.3 }
      device.path.join()
      if (tells) device.networkChanged()
    }
  }
  return world.devices.map(({ path }) => ({ first: seen[0]!.get(path) ?? [], second: seen[1]!.get(path) ?? [] }))
}

/** Of so many choices between two devices, how many the linker gets right. */
function guesses(tells: boolean, seeds: readonly number[]): { right: number; all: number } {
  const random = new SeededRandom('linker')
  let right = 0
  let all = 0
  for (const seed of seeds) {
    const people = traces(seed, tells)
    people.forEach(({ first, second }, index) => {
      const other = people[(index + 1 + random.int(people.length - 1)) % people.length]!
      const difference = likeness(first, second) - likeness(other.first, second)
      const isRight = difference === 0 ? random.uniform() < 0.5 : difference > 0
      if (isRight) right++
      all++
    })
  }
  return { right, all }
}

t.test('[R-5.3-7] [R-6-2] who sees a device on two networks cannot tell it from another one', async (t) => {
  const { right, all } = guesses(true, [1, 2, 3])
  t.ok(Math.abs(right / all - 0.5) < 3 * Math.sqrt(0.25 / all), `${right} of ${all} right`)
})

t.test('the linker sees it when a device keeps its connection ID', async (t) => {
  const { right, all } = guesses(false, [1])
  t.ok(right / all > 0.85, `${right} of ${all} right`)
})
