import t from 'tap'
import { SeededRandom } from '../../src/base/seeded-random.js'
import { idealCrypto } from '../../src/sim/ideal-crypto.js'
import { type DevicePath, Network, type Seen } from '../../src/sim/network.js'
import { SCENARIOS, type Scenario } from '../../src/sim/scenario.js'
import { World } from '../../src/sim/world.js'
import { flagLikeness, likeness, type Trace } from './linker.js'

const DEVICES = 40
const BASE: Scenario = { ...SCENARIOS[0]!, persons: DEVICES, devicesPerPerson: 1, keepaliveS: 20 }

/** How the devices come to the first network. */
interface Plan {
  scenario: Scenario
  /** whether the devices are told that the network changed */
  tells: boolean
  /** when every second device starts, ms; the others start at 0 */
  secondsStartMs: number
  /** when the observer begins to look, ms */
  observedMs: number
}
const TOLD: Plan = { scenario: BASE, tells: true, secondsStartMs: 0, observedMs: 60_000 }
/** While the observer looks, every second device is in epoch 0, the others have stepped once. */
const STEPPED: Plan = {
  scenario: { ...BASE, steps: { everyS: 400, keyEveryS: 86_400 } },
  tells: true,
  secondsStartMs: 300_000,
  observedMs: 440_000,
}

/** Knows which device has an address. */
class KnownNetwork extends Network {
  readonly pathOf = new Map<string, DevicePath>()
  override map(path: DevicePath, host: number): Uint8Array {
    const outside = super.map(path, host)
    this.pathOf.set(outside.join('.'), path)
    return outside
  }
}

/** What was seen of a device. */
interface Person {
  first: Trace
  second: Trace
  /** after the observer has gone */
  epoch: number
}

/** Each device on two networks, both with losses. */
function traces(seed: number, { scenario, tells, secondsStartMs, observedMs }: Plan): Person[] {
  let network: KnownNetwork | null = null
  const world = new World(scenario, seed, idealCrypto, {
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
  for (const [index, device] of world.devices.entries()) if (index % 2 === 0) device.start()
  world.queue.runUntil(secondsStartMs)
  for (const [index, device] of world.devices.entries()) if (index % 2 === 1) device.start()
  world.queue.runUntil(observedMs)
  for (const device of world.devices) device.path.conditions = { ...scenario.link, lossRatio: 0.3 }
  for (at = 0; at < 2; at++) {
    world.queue.runUntil(world.queue.nowMs + 90_000)
    if (at === 1) break
    // What is under way arrives on the network it was sent on.
    for (const device of world.devices) device.path.conditions = { ...scenario.link, lossRatio: 1 }
    world.queue.runUntil(world.queue.nowMs + 1000)
    for (const device of world.devices) {
      device.path.conditions = { ...scenario.link, lossRatio: 0.3 }
      device.path.join()
      if (tells) device.networkChanged()
    }
  }
  return world.devices.map(({ path, machine }) => ({
    first: seen[0]!.get(path) ?? [],
    second: seen[1]!.get(path) ?? [],
    epoch: machine?.parts.channel.view.epoch ?? -1,
  }))
}

/** Of so many choices between two devices, how many a linker gets right. */
function guesses(worlds: readonly Person[][], link: (a: Trace, b: Trace) => number): { right: number; all: number } {
  const random = new SeededRandom('linker')
  let right = 0
  let all = 0
  for (const people of worlds) {
    people.forEach(({ first, second }, index) => {
      const other = people[(index + 1 + random.int(people.length - 1)) % people.length]!
      const difference = link(first, second) - link(other.first, second)
      const isRight = difference === 0 ? random.uniform() < 0.5 : difference > 0
      if (isRight) right++
      all++
    })
  }
  return { right, all }
}

/** Whether so many right ones are what tossing a coin gives, but for 3 standard deviations. */
const isChance = ({ right, all }: { right: number; all: number }): boolean =>
  Math.abs(right / all - 0.5) < 3 * Math.sqrt(0.25 / all)

/** The same datagrams, with one bit of the flags that says the parity of the epoch. */
function withPhase({ first, second, epoch }: Person): Person {
  const planted = (trace: Trace): Trace =>
    trace.map((one) => {
      const bytes = one.bytes.slice()
      bytes[0] = (bytes[0]! & ~0x10) | ((epoch & 1) << 4)
      return { ...one, bytes }
    })
  return { first: planted(first), second: planted(second), epoch }
}

t.test('[R-5.3-7] [R-6-2] who sees a device on two networks cannot tell it from another one', async (t) => {
  const told = guesses(
    [1, 2, 3].map((seed) => traces(seed, TOLD)),
    likeness,
  )
  t.ok(isChance(told), `${told.right} of ${told.all} right`)
})

t.test('the linker sees it when a device keeps its connection ID', async (t) => {
  const { right, all } = guesses([traces(1, { ...TOLD, tells: false })], likeness)
  t.ok(right / all > 0.85, `${right} of ${all} right`)
})

t.test('[R-5.6-10] [R-5.1-2] the flags of two networks tell nothing, whatever the epochs', async (t) => {
  const worlds = [1, 2, 3].map((seed) => traces(seed, STEPPED))
  for (const people of worlds) {
    const odd = people.filter(({ epoch }) => epoch === 1).length
    t.ok(odd >= DEVICES / 4 && odd <= (DEVICES * 3) / 4, `${odd} of ${DEVICES} in epoch 1`)
  }
  const byFlags = guesses(worlds, flagLikeness)
  t.ok(isChance(byFlags), `${byFlags.right} of ${byFlags.all} right by flags`)
  const byAll = guesses(worlds, likeness)
  t.ok(isChance(byAll), `${byAll.right} of ${byAll.all} right by all`)

  const planted = guesses(
    worlds.map((people) => people.map(withPhase)),
    flagLikeness,
  )
  t.ok(planted.right / planted.all > 0.65, `a bit of the epoch: ${planted.right} of ${planted.all} right`)
})
