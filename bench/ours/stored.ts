/** Scenarios that can start on a store that was generated before, and hear a part of its devices. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { BenchError } from '../bench-error.js'
import { wholeNumber } from '../options.js'
import type { Request, ScenarioOption } from '../scenario.js'
import type { StoreFacts } from './store-writer.js'

/** What a load process must know of the store, in its folder; it has keys of the server and of applications. */
const FACTS_FILE = 'bench-facts.json'

/** Options of such a scenario. */
export const FLEET_OPTIONS: Readonly<Record<'store' | 'heard', ScenarioOption>> = {
  store: {
    type: 'string',
    placeholder: 'DIR',
    help: 'what `npm run bench -- store` made, instead of a new store with so many devices',
  },
  heard: { type: 'string', placeholder: 'N', help: 'about so many of the devices speak, evenly spread; all' },
}

/** The devices of a scenario. */
export interface FleetPlan {
  devices: number
  /** about so many of them speak */
  heard: number
  /** one device in so many speaks; odd, so that all sockets of the load are used */
  every: number
  seed: string
  /** generated before; undefined: a new store is made */
  stored: StoreFacts | undefined
}

/** Reads `--devices`, `--store` and `--heard`. @throws BenchError if they make no sense together. */
export function fleetPlan({ values, seed }: Pick<Request, 'values' | 'seed'>, fallback: number): FleetPlan {
  const folder = values['store']
  if (folder !== undefined && values['devices'] !== undefined) {
    throw new BenchError('--devices and --store: the store says how many devices there are')
  }
  const stored = typeof folder === 'string' ? readFacts(folder) : undefined
  const devices = stored?.devices ?? wholeNumber(values['devices'], 'devices', 1, fallback)
  const heard = wholeNumber(values['heard'], 'heard', 1, devices)
  return { devices, heard, every: everyFor(devices, heard), seed: stored?.seed ?? seed, stored }
}

/** One device in so many speaks, where about `heard` of all are to. */
export function everyFor(devices: number, heard: number): number {
  const every = Math.max(1, Math.floor(devices / heard))
  return every % 2 === 0 ? every - 1 : every
}

/** Numbers of devices from 0 on of which one in `every` speaks: how many do. */
export function heardOf(devices: number, every: number): number {
  return Math.ceil(devices / every)
}

/** Leaves the facts in the folder of the store, readable for its owner alone. */
export function writeFacts(facts: StoreFacts): void {
  writeFileSync(join(facts.folder, FACTS_FILE), JSON.stringify(facts), { mode: 0o600 })
}

/** @throws BenchError with exit code 2 if no generated store is there. */
function readFacts(folder: string): StoreFacts {
  try {
    return { ...(JSON.parse(readFileSync(join(folder, FACTS_FILE), 'utf8')) as StoreFacts), folder: resolve(folder) }
  } catch (error) {
    throw new BenchError(`--store ${folder}: no generated store (${(error as Error).message.split('\n')[0]})`)
  }
}
