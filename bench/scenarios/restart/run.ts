/** Ends a server and starts it again, with rings under way, and looks what became of sessions, presence and rings. */

import { BenchError } from '../../bench-error.js'
import { Ringing } from '../../ours/ringing.js'
import { type Stage, settleAll } from '../../ours/stage.js'
import { heardOf } from '../../ours/stored.js'
import { StreamWatch } from './watch.js'

export type How = 'planned' | 'kill -9'

/** What one restart was; the names of issue and JSON. */
export interface RestartFacts {
  how: How
  devices: number
  /** from the signal until the process was gone */
  stopSeconds: number
  /** from the start of the process to its ready line */
  readySeconds: number
  /** from the first ping after that until its session was settled, with no repeat; null: it was not answered at once */
  firstPingMs: number | null
  /** the longest of 20 such, one after the other, of devices from the last to the first; null: one was not answered at once */
  slowestPingMs: number | null
  handshakes: number
  /** resets that the server sent: a device that believes one handshakes */
  resets: number
  /** persons told offline by streams between the signal and the end, although all their devices were there */
  falseOffline: number
  /** streams that were told of the restart: what the others say of persons proves nothing */
  streamsRestarted: number
  /** persons told online anew by these streams */
  heardAgain: number
  /** rings open at the signal that did not end as accepted although their devices accept all */
  lostRings: number
  /** pings after the start, repeats included, and those that were answered and proved by a challenge */
  pingsSent: number
  pingsAccepted: number
  /** devices to which the server told its state anew; and lists of visibility that persons told it anew */
  resyncs: number
  listsApplied: number
  openRings: number
  /** rings with a final state */
  outcomes: number
  outcomeStates: Record<string, number>
  /** from ready until all devices were heard and settled */
  settleSeconds: number
  /** from ready until all sessions were loaded, those of silent devices too */
  loadedSeconds: number
}

/** Rings live long enough for everything here; a lost one shows up as not ended. */
const RING_DEADLINE_S = 600
/** Waits for the ends of rings: each asks for all that are open, and the devices accept again. */
const READS_MAX = 20
const READ_WAIT_S = 2
/** Devices that ping one after the other before all others do. */
const FIRST_PINGS = 20
const LOOKS_MAX = 400
const LOOK_MS = 50

/** Before anything: all devices are heard, streams are open. */
export async function restarts(
  stage: Stage,
  plan: { rings: number; streams: number; progress: (line: string) => void },
): Promise<RestartFacts[]> {
  const { facts, load, server } = stage
  await settleAll(load, 0, facts.devices)
  const ringing = new Ringing(stage)
  const watch = new StreamWatch(server.url, facts.apps.slice(0, plan.streams))
  try {
    const rows: RestartFacts[] = []
    for (const how of ['planned', 'kill -9'] as const) {
      plan.progress(`${how}: ${plan.rings} rings are sent`)
      rows.push(await restartOnce(stage, { how, rings: plan.rings, ringing, watch }))
    }
    return rows
  } finally {
    await watch.close()
    ringing.close()
  }
}

async function restartOnce(
  stage: Stage,
  { how, rings, ringing, watch }: { how: How; rings: number; ringing: Ringing; watch: StreamWatch },
): Promise<RestartFacts> {
  const { facts, load, server } = stage
  await load.call('setRings', 'keep')
  const shownBefore = (await load.call('counts')).ringsShown
  await ringing.send(rings, RING_DEADLINE_S)
  await until(async () => (await load.call('counts')).ringsShown - shownBefore >= rings, 'rings reach their devices')
  const openRings = ringing.open
  watch.reset()
  const stopSeconds = how === 'planned' ? await server.stop() : await server.kill()
  const readySeconds = await server.start()
  const readyMs = performance.now()
  const before = await load.call('counts')
  await load.call('unsettle')
  const firstMs = await firstPings(stage)
  const [rest, loadedSeconds] = await Promise.all([
    load.call('settle', 0, facts.devices, 128),
    server.loaded().then(() => (performance.now() - readyMs) / 1000),
  ])
  const after = await load.call('counts')
  const { handshakes, resets } = await serverCounts(server)
  await load.call('setRings', 'accept')
  const outcomeStates: Record<string, number> = {}
  for (let read = 0; read < READS_MAX && ringing.open > 0; read++) {
    await load.call('acceptRings')
    for (const [state, count] of Object.entries(await ringing.read(READ_WAIT_S))) {
      outcomeStates[state] = (outcomeStates[state] ?? 0) + count
    }
  }
  await until(async () => watch.seen.restarted >= watch.streams, 'all streams are told of the restart')
  const seen = watch.seen
  return {
    how,
    devices: facts.devices,
    stopSeconds,
    readySeconds,
    firstPingMs: finite(firstMs[0]),
    slowestPingMs: finite(Math.max(...firstMs)),
    handshakes,
    resets,
    falseOffline: seen.offline,
    streamsRestarted: seen.restarted,
    heardAgain: seen.online,
    lostRings: openRings - (outcomeStates['accepted'] ?? 0),
    pingsSent: rest.sent + firstMs.length,
    pingsAccepted: rest.ready,
    resyncs: after.resyncs - before.resyncs,
    listsApplied: after.listsApplied - before.listsApplied,
    openRings,
    outcomes: Object.values(outcomeStates).reduce((sum, count) => sum + count, 0),
    outcomeStates,
    settleSeconds: rest.seconds,
    loadedSeconds,
  }
}

/**
 * Right after the start: devices from all over the store ping, the last one first, as sessions are loaded from the first on.
 *
 * @returns ms that each took, Infinity if it had to repeat.
 */
async function firstPings({ load, facts, every }: Stage): Promise<number[]> {
  const last = heardOf(facts.devices, every) - 1
  const devices = Array.from({ length: FIRST_PINGS }, (_, nth) => Math.floor((last * nth) / (FIRST_PINGS - 1)) * every)
  const waits: number[] = []
  for (const device of [...new Set(devices)].reverse()) {
    const { sent, ready, seconds } = await load.call('settle', device, device + 1, 1)
    waits.push(sent === 1 && ready === 1 ? seconds * 1000 : Infinity)
  }
  return waits
}

function finite(ms: number | undefined): number | null {
  return ms === undefined || ms === Infinity ? null : ms
}

async function serverCounts(server: Stage['server']): Promise<{ handshakes: number; resets: number }> {
  const metrics = await server.metrics()
  const of = (name: string) => metrics.get(`pilotlight_${name}`) ?? 0
  return { handshakes: of('handshakes_total'), resets: of('resets_sent_total') }
}

/** Looks again and again, a bounded number of times. @throws BenchError naming what did not come. */
async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
  for (let look = 0; look < LOOKS_MAX; look++) {
    if (await isSo()) return
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  }
  throw new BenchError(`waited in vain until ${what}`, 1)
}
