/** One life from a seed, and what came of it as plain values, so that it can be told between threads. */
import { nobleCrypto } from '../crypto/noble.js'
import { idealCrypto } from './ideal-crypto.js'
import { SCENARIOS, type Scenario, STORMS } from './scenario.js'
import { World } from './world.js'

/** Which primitives: those of `ideal-crypto.ts`, or the real ones. */
export type CryptoName = 'ideal' | 'noble'

export interface LifeResult {
  seed: number
  scenario: string
  violations: string[]
  deviceDays: number
  datagrams: number
  handshakes: number
  rings: number
  shown: number
  changes: number
}

/** Every scenario, those of a run of their own too. */
export const ALL_SCENARIOS: readonly Scenario[] = [...SCENARIOS, ...STORMS]

/** @param wanted a scenario's name; null: the seed takes one of the mix. Undefined if there is none of that name. */
export function scenarioOf(wanted: string | null, seed: number): Scenario | undefined {
  return wanted === null ? SCENARIOS[seed % SCENARIOS.length] : ALL_SCENARIOS.find(({ name }) => name === wanted)
}

/** Lives it. */
export function live(scenario: Scenario, seed: number, crypto: CryptoName): LifeResult {
  const world = new World(scenario, seed, crypto === 'noble' ? nobleCrypto : idealCrypto)
  world.run()
  const { deviceDays, datagrams, handshakes, checker } = world
  const { rings, shown, changes } = checker.counts
  const { violations } = checker
  return { seed, scenario: scenario.name, violations, deviceDays, datagrams, handshakes, rings, shown, changes }
}
