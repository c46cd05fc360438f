import { AppService } from '../../src/appservice/index.js'
import { nativeCrypto } from '../../src/native/crypto-native.js'
import { GRACE_BASE_MS, GRACE_DIVISOR, SILENCE_CLASS_S } from '../../src/packet/constants.js'
import { BenchError } from '../bench-error.js'
import { wholeNumber } from '../options.js'
import { soloDevices } from '../ours/changes.js'
import { accountOf } from '../ours/identity.js'
import { VISIBLE_APPS, visibleApps } from '../ours/list.js'
import type { LastPing } from '../ours/silence.js'
import { onStage, type Stage, settleAll } from '../ours/stage.js'
import { puidWriter } from '../ours/store-writer.js'
import { FLEET_OPTIONS, fleetPlan, heardOf } from '../ours/stored.js'
import type { Outcome, Request, Scenario } from '../scenario.js'
import { quantile } from '../statistics.js'

const DEFAULTS = { devices: 10_000, persons: 500 }
const APPS = 100
/** Applications that listen; each sees one person in 25, and no two see the same. */
const LISTENERS = 4
/** Last pings a second. */
const PER_SECOND = 200
/** A promise of 15 s, and the grace that goes with it, ms. wire-spec 7.1 */
const SILENCE_MS = SILENCE_CLASS_S[0] * 1000
const SILENT_MS = SILENCE_MS + GRACE_BASE_MS + SILENCE_MS / GRACE_DIVISOR
/** After the last one is due, how long its application may wait to hear of it, ms. */
const PATIENCE_MS = 10_000
/** Clocks are read in ms, by two processes. */
const ROUNDING_MS = 2

/** Offline, as an application is told it. */
interface Told {
  sinceMs: number
  toldMs: number
}

interface Facts {
  /** whose only device fell silent */
  persons: number
  /** of these, told offline */
  told: number
  /** others told offline */
  strangers: number
  /** told as offline before all of the silence and the grace had passed since the last ping was sent */
  early: number
  /** between the instant that the protocol names, reckoned from the pong, and the one that applications read, ms */
  lateP50Ms: number | null
  lateMaxMs: number | null
  /** between that instant and the event in the application, ms */
  toldP50Ms: number | null
  toldMaxMs: number | null
}

/** Persons go offline when silence and grace have passed: not before, and at once then, however many others are there. */
export const expiry: Scenario = {
  name: 'expiry',
  summary: 'devices fall silent: when their persons are offline, against the instant that the protocol names',
  actions: [],
  options: {
    devices: { type: 'string', placeholder: 'N', help: `devices; ${DEFAULTS.devices}` },
    persons: {
      type: 'string',
      placeholder: 'N',
      help: `persons at most whose device falls silent; ${DEFAULTS.persons}`,
    },
    ...FLEET_OPTIONS,
  },
  wordsInAll: [[]],
  wordsInSmoke: [['--devices', '300', '--persons', '10']],
  checkSmoke: ({ result, exitCode }) => (exitCode === 0 ? [] : [`expiry: ${JSON.stringify(result)}`]),
  run,
}

async function run({ values, seed, progress }: Request): Promise<Outcome> {
  const fleet = fleetPlan({ values, seed }, DEFAULTS.devices)
  const { devices } = fleet
  if (fleet.stored?.apps.length === 0) throw new BenchError('--store: nobody is told in a store without applications')
  const persons = wholeNumber(values['persons'], 'persons', 1, DEFAULTS.persons)
  const tell = (line: string) => progress(`expiry: ${line}`)
  const plan = { ...fleet, apps: APPS, isPinned: true, progress: tell }
  const facts = await onStage(plan, (stage) => measure(stage, persons, tell))
  return {
    result: { devices, ...facts },
    parameters: { devices, heard: heardOf(devices, fleet.every), persons, promisedMs: SILENCE_MS, silentMs: SILENT_MS },
    tables: [
      {
        title: `Persons whose device falls silent, among ${devices} devices`,
        columns: ['what', ''],
        rows: [
          ['persons whose only device fell silent', facts.persons],
          ['told offline', facts.told],
          ['told offline too early', facts.early],
          ['others told offline', facts.strangers],
          ['offline after the instant that the protocol names, p50, ms', facts.lateP50Ms],
          ['offline after the instant that the protocol names, the latest, ms', facts.lateMaxMs],
          ['event in the application after that instant, p50, ms', facts.toldP50Ms],
          ['event in the application after that instant, the latest, ms', facts.toldMaxMs],
        ],
        notes: [
          `Each device pings one last time and promises to be heard again within ${SILENCE_MS / 1000} s; with the grace it is lost ${SILENT_MS} ms ` +
            'after that ping came. It came after it was sent and before its pong was there: too early is reckoned from the one, late from ' +
            'the other. Offline is what applications read as `since`; the event comes by a stream.',
        ],
      },
    ],
    exitCode: facts.told === facts.persons && facts.early + facts.strangers === 0 ? 0 : 1,
  }
}

async function measure(stage: Stage, most: number, tell: (line: string) => void): Promise<Facts> {
  const { facts, load, every } = stage
  await settleAll(load, 0, facts.devices)
  const apps = Array.from({ length: LISTENERS }, (_, nth) => nth * VISIBLE_APPS)
  /** the application that sees the person of each device */
  const seers = new Map<number, number>()
  for (const device of soloDevices(facts.devices)) {
    const seer = visibleApps(accountOf(device), facts.apps.length).find((app) => apps.includes(app))
    if (device % every === 0 && seer !== undefined) seers.set(device, seer)
  }
  const chosen = spread([...seers.keys()], most)
  if (chosen.length === 0)
    throw new BenchError(`none of ${facts.devices} devices is the only one of a person who is seen`)
  const told = new Map<string, Told>()
  let onTold = () => {}
  const close = await listen(stage, apps, (puid, offline) => {
    if (!told.has(puid)) told.set(puid, offline)
    onTold()
  })
  try {
    tell(`${chosen.length} devices fall silent`)
    const pings = await load.call('fallSilent', { devices: chosen, perSecond: PER_SECOND })
    const crypto = await nativeCrypto()
    const expected = new Map<string, LastPing>()
    for (const app of apps) {
      const puidOf = puidWriter(crypto, facts, app)
      for (const ping of pings) if (seers.get(ping.device) === app) expected.set(puidOf(accountOf(ping.device)), ping)
    }
    const lastMs = Math.max(...pings.map(({ answeredMs, sentMs }) => answeredMs ?? sentMs)) + SILENT_MS
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, lastMs + PATIENCE_MS - Date.now())
      onTold = () => {
        if (![...expected.keys()].every((puid) => told.has(puid))) return
        clearTimeout(timer)
        resolve()
      }
      onTold()
    })
    return factsOf(expected, told)
  } finally {
    close()
  }
}

/** At most so many of them, from the first to the last. */
function spread(devices: readonly number[], most: number): number[] {
  const count = Math.min(most, devices.length)
  return Array.from({ length: count }, (_, nth) => devices[Math.floor((nth * devices.length) / count)] as number)
}

/** Opens a stream of each application. Settles when all have their snapshot. */
async function listen(
  { facts, server }: Stage,
  apps: readonly number[],
  onOffline: (puid: string, told: Told) => void,
): Promise<() => void> {
  const end = new AbortController()
  const opened = apps.map(async (app) => {
    const service = new AppService({ url: server.url, apiKey: facts.apps[app]?.apiKey ?? '' })
    const events = service.stream({ signal: end.signal })
    await new Promise<void>((resolve, reject) => {
      const read = async () => {
        for await (const event of events) {
          if (event.type === 'snapshot') resolve()
          if (event.type !== 'presence' || event.person.state !== 'offline') continue
          onOffline(event.person.puid, { sinceMs: Date.parse(event.person.since), toldMs: Date.now() })
        }
      }
      read().catch(reject)
    })
  })
  await Promise.all(opened)
  return () => end.abort()
}

function factsOf(expected: ReadonlyMap<string, LastPing>, told: ReadonlyMap<string, Told>): Facts {
  const lates: number[] = []
  const waits: number[] = []
  let early = 0
  for (const [puid, { sentMs, answeredMs }] of expected) {
    const offline = told.get(puid)
    if (offline === undefined) continue
    if (offline.sinceMs < sentMs + SILENT_MS - ROUNDING_MS) early++
    if (answeredMs === null) continue
    lates.push(offline.sinceMs - (answeredMs + SILENT_MS))
    waits.push(offline.toldMs - (answeredMs + SILENT_MS))
  }
  const strangers = [...told.keys()].filter((puid) => !expected.has(puid)).length
  return {
    persons: expected.size,
    told: told.size - strangers,
    strangers,
    early,
    lateP50Ms: quantileOf(lates, 0.5),
    lateMaxMs: quantileOf(lates, 1),
    toldP50Ms: quantileOf(waits, 0.5),
    toldMaxMs: quantileOf(waits, 1),
  }
}

function quantileOf(numbers: readonly number[], share: number): number | null {
  return numbers.length === 0 ? null : quantile(numbers, share)
}
