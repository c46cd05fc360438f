/** Runs a rival policy on one network with a given TCP lifetime and nothing else, to see where it settles. */
import { SeededRandom } from '../../../src/base/seeded-random.js'
import { ActivityLog } from '../keepalive/activity.js'
import type { Life, Network } from '../keepalive/life.js'
import { Phone } from '../keepalive/phone.js'
import type { KeepalivePolicy } from '../keepalive/policy.js'
import { RIVALS } from '../keepalive/rivals/all.js'

const DAYS = 6

/** The interval that the policy believes in after some quiet days; `lifetimeS` null: mappings live for ever. */
export function finalIntervalS(policy: string, lifetimeS: number | null): number {
  const watched = watch(policy)
  runQuietly(watched.policy, lifetimeS)
  return watched.policy.intervalS
}

/**
 * Beats, and the time of the last of them, until the policy first believes in at least `intervalS`; mappings live for
 * ever.
 */
export function beatsUntil(policy: string, intervalS: number): { beats: number; seconds: number } {
  const watched = watch(policy)
  runQuietly(watched.policy, null)
  const at = watched.beats.findIndex((beat) => beat.intervalS >= intervalS)
  return { beats: at, seconds: watched.beats[at - 1]?.atS ?? Number.NaN }
}

interface Watched {
  policy: KeepalivePolicy
  /** each beat, with the interval before it was sent */
  beats: { atS: number; intervalS: number }[]
}

/** A policy with a note taken at each timeout. */
function watch(name: string): Watched {
  const spec = RIVALS.find((rival) => rival.name === name)
  if (spec === undefined) throw new Error(`no rival ${name}`)
  const policy = spec.create({ kind: 'cellular', generation: 'LTE', profile: '' })
  const beats: Watched['beats'] = []
  const handleTimeout = policy.handleTimeout.bind(policy)
  policy.handleTimeout = (nowS: number) => {
    beats.push({ atS: nowS, intervalS: policy.intervalS })
    handleTimeout(nowS)
  }
  return { policy, beats }
}

function runQuietly(policy: KeepalivePolicy, lifetimeS: number | null): void {
  const foreverS = lifetimeS ?? Infinity
  const network: Network = {
    identity: 'quiet',
    udpLifetimeS: foreverS,
    udpUnrepliedLifetimeS: foreverS,
    tcpLifetimeS: foreverS,
    tcpResets: false,
    portPreserved: false,
    probeTimerRatio: 1,
  }
  const life: Life = {
    noise: new SeededRandom('quiet'),
    events: [{ kind: 'network', atS: 0, network }],
    endS: DAYS * 86_400,
  }
  new Phone(policy, life, new ActivityLog(), 'cellular', 0).run()
}
