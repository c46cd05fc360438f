/** Everybody who wants something of one server: known devices, a storm of others, applications, and who probes. */
import { grown } from '../../ours/counts.js'
import { accountsFor } from '../../ours/identity.js'
import { type Load, openLoad } from '../../ours/load.js'
import { type Probe, probersFor } from '../../ours/probes.js'
import type { OursServer } from '../../ours/server.js'
import { onStage, type Stage, settleAll } from '../../ours/stage.js'
import { canPin, pinProcess } from '../../peers/program.js'
import { RingingApps } from '../ring/ours.js'
import { type Offer, SHARES } from './offer.js'
import { ReadingApps } from './reads.js'

/** Applications: each may ask 100 times a second, and one address may have 64 streams. */
const APPS = 60
/** Connections for rings and reads; with the streams fewer than one address may have. */
const SOCKETS = 360
const PROBES_PER_SECOND = 100
/** Devices that handshake, at most: beyond, they do it again. */
const STRANGERS_MAX = 40_000
/** A socket waits a second for a pong that is lost: the more there are, the less does loss slow the pings. */
const LANES_MAX = 4_096
/** What is under way at the end of a round may end in so long, s. Not where it is seen when the server recovers. */
const GRACE_S = 0.5

/** What one round of load was. */
export interface Round {
  offered: Offer
  served: Offer
  skippedPings: number
  /** of rings and reads, why they were not served */
  refused: Record<string, number>
  /** datagrams that the server dropped, by reason */
  dropped: Record<string, number>
  serverBusy: number
  /** while the load was on */
  probes: Probe[]
  /** after it */
  after: Probe[]
  /** when the load ended, Unix ms */
  endMs: number
}

/** Who is there. */
export interface CrowdPlan {
  /** with a session */
  devices: number
  seed: string
  /** the most that will be offered in all */
  mostPerSecond: number
  /** of the longest round */
  seconds: number
  progress: (line: string) => void
}

/** Starts it all, and ends it. */
export async function withCrowd<Result>(plan: CrowdPlan, act: (crowd: Crowd) => Promise<Result>): Promise<Result> {
  const { devices, seed, mostPerSecond, seconds, progress } = plan
  const probers = probersFor(PROBES_PER_SECOND)
  const known = devices + probers
  const strangers = Math.min(STRANGERS_MAX, Math.ceil((mostPerSecond * seconds * SHARES.handshakes) / 100))
  const lanes = Math.min(LANES_MAX, devices)
  const stagePlan = { seed, devices: known + strangers, live: known, apps: APPS, isPinned: true, lanes, progress }
  return onStage(stagePlan, async (stage) => {
    const opened: Load[] = []
    const open = async (name: string, count: number) => {
      const { facts, server } = stage
      const load = await openLoad({
        facts,
        target: server.target,
        seed: `${seed} ${name}`,
        lanes: count,
        transport: 'udp',
      })
      opened.push(load)
      return load
    }
    const crowd = new Crowd(stage, devices, known)
    try {
      const storm = await open('storm', Math.min(LANES_MAX, strangers))
      const probing = await open('probes', probers)
      await crowd.begin(storm, probing)
      return await act(crowd)
    } finally {
      crowd.close()
      for (const load of opened) await load.close()
    }
  })
}

/** Devices 0 to `devices` - 1 ping and are rung, those up to `known` probe, the others have no session. */
export class Crowd {
  readonly #stage: Stage
  readonly #devices: number
  readonly #known: number
  readonly #ringing: RingingApps
  readonly #reading: ReadingApps
  #storm: Load | null = null
  #probing: Load | null = null

  constructor(stage: Stage, devices: number, known: number) {
    this.#stage = stage
    this.#devices = devices
    this.#known = known
    const ringShare = SHARES.rings / (SHARES.rings + SHARES.presence)
    this.#ringing = new RingingApps(stage, Math.round(SOCKETS * ringShare))
    this.#reading = new ReadingApps(stage, Math.round(SOCKETS * (1 - ringShare)))
  }

  get server(): OursServer {
    return this.#stage.server
  }

  /** Sessions are settled, applications listen. */
  async begin(storm: Load, probing: Load): Promise<void> {
    const { load } = this.#stage
    this.#storm = storm
    this.#probing = probing
    if (canPin()) for (const { pid } of [load, storm, probing]) pinProcess(pid, 1)
    await settleAll(load, 0, this.#devices)
    await settleAll(probing, this.#devices, this.#known)
    await load.call('setRings', 'accept')
    await this.#ringing.listen()
  }

  /** @param offer of each second. @param afterS how long it is probed after the end, while half of the pings go on. */
  async round(offer: Offer, seconds: number, afterS = 0): Promise<Round> {
    const { server, load, facts } = this.#stage
    const [storm, probing] = [this.#storm!, this.#probing!]
    const strangers = Math.min(facts.devices - this.#known, offer.handshakes * seconds)
    const accounts = accountsFor(this.#devices)
    const untilS = afterS > 0 ? seconds : seconds + GRACE_S
    const [ringsBefore, readsBefore] = [{ ...this.#ringing.refused }, { ...this.#reading.refused }]
    const droppedBefore = droppedOf(await server.metrics())
    const startMs = performance.now()
    const cpuBefore = server.cpuMicros()
    const endMs = performance.timeOrigin + startMs + seconds * 1000
    const probed = probing.call('probe', {
      from: this.#devices,
      to: this.#known,
      perSecond: PROBES_PER_SECOND,
      seconds: seconds + afterS,
    })
    const ended = new Promise<number>((resolve) => {
      setTimeout(() => {
        const serverBusy = (server.cpuMicros() - cpuBefore) / 1000 / (performance.now() - startMs)
        this.#ringing.cancel()
        this.#reading.cancel()
        resolve(serverBusy)
      }, untilS * 1000)
    })
    const pinged = load.call('run', { to: this.#devices, seconds, perSecond: offer.pings })
    const calmed = pinged.then(() => {
      const calm = { to: this.#devices, seconds: afterS, perSecond: Math.ceil(offer.pings / 4) }
      return afterS > 0 ? load.call('run', calm) : null
    })
    const stormed =
      strangers === 0
        ? null
        : storm.call('storm', {
            from: this.#known,
            to: this.#known + strangers,
            seconds: untilS,
            perSecond: offer.handshakes,
          })
    const call = (apps: RingingApps | ReadingApps, perSecond: number) =>
      perSecond === 0 ? null : apps.run({ perSecond, calls: perSecond * seconds }, accounts)
    const [rings, reads] = await Promise.all([call(this.#ringing, offer.rings), call(this.#reading, offer.presence)])
    const [pings, handshakes, probes, serverBusy] = await Promise.all([pinged, stormed, probed, ended, calmed])
    const dropped = grown(droppedOf(await server.metrics()), droppedBefore)
    const refused = {
      ...named('ring', grown(this.#ringing.refused, ringsBefore)),
      ...named('read', grown(this.#reading.refused, readsBefore)),
    }
    return {
      offered: {
        pings: pings.asked,
        handshakes: strangers,
        rings: offer.rings * seconds,
        presence: offer.presence * seconds,
      },
      served: {
        pings: pings.answered,
        handshakes: handshakes?.done ?? 0,
        rings: rings === null ? 0 : rings.calls - rings.lost,
        presence: reads === null ? 0 : reads.calls - reads.lost,
      },
      skippedPings: pings.skipped,
      refused,
      dropped,
      serverBusy,
      probes: probes.filter(({ dueMs }) => dueMs < endMs),
      after: probes.filter(({ dueMs }) => dueMs >= endMs),
      endMs,
    }
  }

  close(): void {
    this.#ringing.close()
    this.#reading.close()
  }
}

/** Datagrams that the server dropped so far, by reason. */
function droppedOf(metrics: ReadonlyMap<string, number>): Record<string, number> {
  return Object.fromEntries(
    [...metrics].flatMap(([name, value]) => {
      const reason = /^pilotlight_datagrams_dropped_total\{reason="(.*)"\}$/.exec(name)?.[1]
      return reason === undefined ? [] : [[reason, value]]
    }),
  )
}

function named(what: string, counts: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).map(([why, count]) => [`${what}, ${why}`, count]))
}
