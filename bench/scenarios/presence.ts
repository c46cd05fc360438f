import { createHistogram } from 'node:perf_hooks'
import { BenchError } from '../bench-error.js'
import { wholeNumber } from '../options.js'
import { soloDevices } from '../ours/changes.js'
import { accountOf } from '../ours/identity.js'
import { visibleApps } from '../ours/list.js'
import { BEHIND_PROXY } from '../ours/proxied.js'
import { onStage, type Stage, settleAll } from '../ours/stage.js'
import { puidWriter } from '../ours/store-writer.js'
import { canPin, pinProcess } from '../peers/program.js'
import { cpuMicros } from '../process-usage.js'
import type { Outcome, Request, Scenario, Table } from '../scenario.js'
import { listenByStream, listenByWebhook, type OnState } from './presence/listeners.js'

const DEFAULTS = { devices: 20_000, apps: 100, rate: 1_000, seconds: 10 }
/** Nothing new for so long: what has not come is lost, ms. */
const SILENCE_MS = 10_000
const LOOK_MS = 50
const WAYS = ['stream', 'webhook'] as const

/** One way from a device's change to the applications. */
interface Way {
  /** changes times the applications that see the person */
  expected: number
  delivered: number
  lost: number
  p50Ms: number | null
  p99Ms: number | null
  p999Ms: number | null
  /** of the server's process for each change, us; null where the kernel does not tell */
  serverMicrosPerChange: number | null
  /** how late the load process sent the last change, ms */
  lateMs: number
}

/** People come and go at a rate; how long it takes until every application that sees them knows. */
export const presence: Scenario = {
  name: 'presence',
  summary: 'latency from a device’s change to the applications that see the person, by stream and by webhook',
  actions: [],
  options: {
    devices: { type: 'string', placeholder: 'N', help: `devices; ${DEFAULTS.devices}` },
    apps: { type: 'string', placeholder: 'N', help: `applications; ${DEFAULTS.apps}` },
    rate: { type: 'string', placeholder: 'N', help: `changes a second; ${DEFAULTS.rate}` },
    seconds: { type: 'string', placeholder: 'S', help: `of changes; ${DEFAULTS.seconds}` },
  },
  wordsInAll: [[], ['--devices', '100000', '--rate', '10000', '--seconds', '5']],
  wordsInSmoke: [['--devices', '300', '--apps', '8', '--rate', '50', '--seconds', '2']],
  checkSmoke: ({ result }) => {
    const { stream, webhook } = result as Record<(typeof WAYS)[number], Way>
    return stream.lost + webhook.lost === 0 ? [] : [`presence: ${JSON.stringify(result)}`]
  },
  run,
}

async function run({ values, seed, progress }: Request): Promise<Outcome> {
  const devices = wholeNumber(values['devices'], 'devices', 1, DEFAULTS.devices)
  const apps = wholeNumber(values['apps'], 'apps', 1, DEFAULTS.apps)
  const perSecond = wholeNumber(values['rate'], 'rate', 1, DEFAULTS.rate)
  const seconds = wholeNumber(values['seconds'], 'seconds', 1, DEFAULTS.seconds)
  const changes = perSecond * seconds
  const persons = soloDevices(devices).length
  if (changes > persons) {
    throw new BenchError(`${changes} changes need as many persons with one device; ${devices} devices have ${persons}`)
  }
  const plan = { perSecond, changes }
  const tell = (line: string) => progress(`presence: ${line}`)
  const options = ['--webhooks-to-private', ...BEHIND_PROXY]
  const ways = await onStage({ seed, devices, apps, options, isPinned: true, progress: tell }, async (stage) => {
    if (canPin()) pinProcess(stage.load.pid, 1)
    await settleAll(stage.load, 0, devices)
    tell('by stream')
    const stream = await measure(stage, { ...plan, state: 'gone' }, listenByStream)
    tell('by webhook')
    const webhook = await measure(stage, { ...plan, state: 'active' }, listenByWebhook)
    return { stream, webhook }
  })
  return {
    result: { devices, applications: apps, changesPerSecond: perSecond, changes, ...ways },
    parameters: { devices, applications: apps, perSecond, seconds, serve: options },
    tables: [table(ways, { perSecond, seconds, apps })],
    exitCode: 0,
  }
}

async function measure(
  stage: Stage,
  plan: { perSecond: number; changes: number; state: 'gone' | 'active' },
  listen: (stage: Stage, onState: OnState) => Promise<() => Promise<void>>,
): Promise<Way> {
  const { changes, perSecond, state } = plan
  const book = expectedOf(stage, changes)
  const expected = book.size
  const wanted = state === 'gone' ? 'offline' : 'online'
  const came: { nth: number; atMs: number }[] = []
  let lastMs = performance.now()
  const close = await listen(stage, (puid, told) => {
    const nth = told === wanted ? book.get(puid) : undefined
    if (nth === undefined) return
    book.delete(puid)
    lastMs = performance.now()
    came.push({ nth, atMs: performance.timeOrigin + lastMs })
  })
  try {
    const atFirst = cpuMicros(stage.server.pid)
    const { startMs, lateMs } = await stage.load.call('changes', plan)
    lastMs = Math.max(lastMs, performance.now())
    while (book.size > 0 && performance.now() - lastMs < SILENCE_MS) {
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
    }
    const atLast = cpuMicros(stage.server.pid)
    const histogram = createHistogram()
    for (const { nth, atMs } of came) {
      histogram.record(Math.max(1, Math.round((atMs - startMs - (nth * 1000) / perSecond) * 1000)))
    }
    const at = (percent: number) => (came.length === 0 ? null : histogram.percentile(percent) / 1000)
    return {
      expected,
      delivered: came.length,
      lost: expected - came.length,
      p50Ms: at(50),
      p99Ms: at(99),
      p999Ms: at(99.9),
      serverMicrosPerChange: atFirst === null || atLast === null ? null : (atLast - atFirst) / changes,
      lateMs,
    }
  } finally {
    await close()
  }
}

/** Which change each application waits for, by the PUID that it knows the person by. */
function expectedOf({ crypto, facts }: Stage, changes: number): Map<string, number> {
  const puids = facts.apps.map((_, app) => puidWriter(crypto, facts, app))
  const book = new Map<string, number>()
  for (const [nth, device] of soloDevices(facts.devices).slice(0, changes).entries()) {
    const account = accountOf(device)
    for (const app of visibleApps(account, facts.apps.length)) book.set(puids[app]!(account), nth)
  }
  return book
}

function table(
  ways: Record<(typeof WAYS)[number], Way>,
  { perSecond, seconds, apps }: { perSecond: number; seconds: number; apps: number },
): Table {
  return {
    title: `${perSecond} changes a second for ${seconds} s to ${apps} applications`,
    columns: ['by', 'delivered', 'lost', 'p50 ms', 'p99 ms', 'p99.9 ms', 'server us/change', 'sender late ms'],
    rows: WAYS.map((name) => {
      const { delivered, lost, p50Ms, p99Ms, p999Ms, serverMicrosPerChange, lateMs } = ways[name]
      return [name, delivered, lost, p50Ms, p99Ms, p999Ms, serverMicrosPerChange, lateMs]
    }),
    notes: [
      'From the moment at which a device was due to tell its change until the application has it; four applications see each person. By stream people go, by ' +
        'webhook they come back. A change goes out once and is not repeated: what the kernel dropped on the way is lost. Applications are in the harness’s process, and all ' +
        'of them share one core: at high rates they are what limits.',
    ],
  }
}
