/** Reads the data files of the models: radio profiles, NAT distributions, tables. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { PACKAGE_ROOT } from '../../src/cli/version.js'
import { BenchError } from '../bench-error.js'
import type { NatDistribution } from './nat.js'
import type { RadioProfile } from './radio-profile.js'

/** The repository. The compiled bench is not where its data are. */
export const ROOT = PACKAGE_ROOT

/** `bench/models/` with the data files. */
const MODELS = join(ROOT, 'bench', 'models')

/** All radio profiles, by name. */
export function loadRadioProfiles(): ReadonlyMap<string, RadioProfile> {
  return loadFolder<RadioProfile>('radio')
}

/** All NAT distributions, by name. */
export function loadNatDistributions(): ReadonlyMap<string, NatDistribution> {
  return loadFolder<NatDistribution>('nat')
}

/** @param name file in `bench/models/`, for example `validation.json`. */
export function loadTable(name: string): unknown {
  return JSON.parse(readFileSync(join(MODELS, name), 'utf8'))
}

/** @throws BenchError naming the profiles there are. */
export function radioProfile(name: string): RadioProfile {
  const profiles = loadRadioProfiles()
  const profile = profiles.get(name)
  if (profile !== undefined) return profile
  throw new BenchError(`no radio profile "${name}"; there are ${[...profiles.keys()].join(', ')}`)
}

/**
 * A file of EnergyBox's oracle: in `../shared/energybox`, or in the `energybox` folder beside the one that
 * PILOTLIGHT_VECTORS names.
 *
 * @returns its path, or null if it is not there.
 * @throws BenchError if PILOTLIGHT_VECTORS is set and the file is missing.
 */
export function energyboxFile(name: string): string | null {
  const vectors = process.env['PILOTLIGHT_VECTORS']
  const folder = vectors === undefined ? join(ROOT, '..', 'shared') : dirname(vectors)
  const path = join(folder, 'energybox', name)
  if (existsSync(path)) return path
  if (vectors !== undefined) throw new BenchError(`PILOTLIGHT_VECTORS is set, but ${path} is missing`, 1)
  return null
}

function loadFolder<T extends { name: string }>(folder: string): ReadonlyMap<string, T> {
  const files = readdirSync(join(MODELS, folder)).filter((name) => name.endsWith('.json'))
  return new Map(
    files.sort().map((name) => {
      const loaded = loadTable(join(folder, name)) as T
      return [loaded.name, loaded]
    }),
  )
}
