import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { nativeCrypto } from '../../src/native/crypto-native.js'
import { BenchError } from '../bench-error.js'
import { wholeNumber } from '../options.js'
import { writeStore } from '../ours/store-writer.js'
import { writeFacts } from '../ours/stored.js'
import type { Outcome, Request, Scenario } from '../scenario.js'

const DEFAULTS = { devices: 10_000, apps: 100 }

/** Makes a store with any number of devices and keeps it: other scenarios take it with `--store`. */
export const store: Scenario = {
  name: 'store',
  summary: 'generates a store of N devices with live sessions and keeps it, for `--store` of other scenarios',
  actions: [],
  options: {
    devices: { type: 'string', placeholder: 'N', help: `devices, of N / 1.2 accounts; ${DEFAULTS.devices}` },
    apps: {
      type: 'string',
      placeholder: 'N',
      help: `applications, of which every person lets four in, 0 none; ${DEFAULTS.apps}`,
    },
    to: { type: 'string', placeholder: 'DIR', help: 'new or empty folder' },
  },
  // What it makes is no result: the scenarios that use it are in both.
  wordsInAll: [],
  wordsInSmoke: [],
  checkSmoke: () => [],
  run,
}

async function run({ values, seed, progress }: Request): Promise<Outcome> {
  const devices = wholeNumber(values['devices'], 'devices', 1, DEFAULTS.devices)
  const apps = wholeNumber(values['apps'], 'apps', 0, DEFAULTS.apps)
  const to = values['to']
  if (typeof to !== 'string' || to === '') throw new BenchError('store needs --to DIR, a new or empty folder')
  if (existsSync(to) && (!statSync(to).isDirectory() || readdirSync(to).length > 0)) {
    throw new BenchError(`--to ${to}: there is something already`)
  }
  const folder = resolve(to)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const facts = writeStore(await nativeCrypto(), {
    folder,
    seed,
    devices,
    apps,
    progress: (line) => progress(`store: ${line}`),
  })
  writeFacts(facts)
  const bytes = readdirSync(folder).reduce((sum, file) => sum + statSync(join(folder, file)).size, 0)
  return {
    result: { devices, accounts: facts.accounts, apps, seconds: facts.seconds, bytes },
    parameters: { devices, apps },
    tables: [
      {
        title: 'A generated store',
        columns: ['devices', 'accounts', 'applications', 's', 'MiB', 'B/device'],
        rows: [[devices, facts.accounts, apps, facts.seconds, bytes / 2 ** 20, bytes / devices]],
      },
    ],
    exitCode: 0,
  }
}
