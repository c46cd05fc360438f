/** What a simulated life is like, as data. Times in virtual seconds. */

import type { NatSetting } from './nat.js'
import type { NatDistributionName } from './nat-distributions.js'
import type { LinkConditions } from './network.js'
import { NEVER, type Rates } from './rates.js'

export interface Scenario {
  name: string
  persons: number
  devicesPerPerson: number
  /** so many devices of each person enrol in the turmoil; left out: none */
  latecomers?: number
  /** devices of attackers, enrolled like any other */
  hostilePeers: number
  /** endpoints, each with devices of its own, behind one hub */
  workers: number
  keepaliveS: number
  /** on WebSocket; left out: devices have UDP only */
  tcpKeepaliveS?: number
  link: LinkConditions
  every: Rates
  /** when key steps are due, in place of an hour and a day */
  steps?: { everyS: number; keyEveryS: number }
  /** whether nothing in it is a reason for a second handshake of a device, unless it had no way at all for long */
  isOneHandshake: boolean
  /** whether a device that has a way to the server must find it: see `ReachWatch` */
  isReachable?: boolean
  /** whether everybody is always there and nothing is lost, so that each ping and ring is judged: see `ServiceWatch` */
  isServed?: boolean
  /** whether everybody comes back at once, with their sessions and then without */
  storm: boolean
  /** how long the turmoil lasts */
  turmoilS: number
  /** how long the calm lasts after it, in which everything comes to rest */
  calmS: number
}

const QUIET_LINK: LinkConditions = {
  latencyMs: 40,
  jitterMs: 20,
  lossRatio: 0,
  bursts: null,
  duplicateRatio: 0,
  nat: null,
}
/** Rings, rounds of asking, refusals and pauses are over after this. */
const CALM_S = 700
/** Longer than the longest silence, after which a restarted server calls the unheard offline. */
const RESTART_CALM_S = 1900
/** Longer than the longest pause before a webhook is tried again. */
const WEBHOOK_CALM_S = 7300
const BASE: Scenario = {
  name: 'calm',
  persons: 3,
  devicesPerPerson: 2,
  hostilePeers: 0,
  workers: 3,
  keepaliveS: 30,
  link: QUIET_LINK,
  every: NEVER,
  isOneHandshake: true,
  storm: false,
  turmoilS: 320,
  calmS: CALM_S,
}
const BURSTS = { goodS: 20, badS: 3, lossRatio: 0.9 }

/** Behind NATs of one distribution of research on them; the keepalive is longer than many of them last. */
function behind(lifetimes: NatDistributionName): Scenario {
  const nat: NatSetting = { lifetimes, inboundRefreshRatio: 0.5, addressChangeRatio: 0.5 }
  return {
    ...BASE,
    name: lifetimes,
    keepaliveS: 50,
    link: { ...QUIET_LINK, lossRatio: 0.02, nat },
    every: { ...NEVER, networkChangeS: 150, rebindS: 200 },
  }
}
const CELLULAR: NatSetting = { lifetimes: 'udp.cgn.cellular', inboundRefreshRatio: 0.5, addressChangeRatio: 0.5 }

export const SCENARIOS: readonly Scenario[] = [
  BASE,
  {
    ...BASE,
    name: 'lossy',
    link: { ...QUIET_LINK, lossRatio: 0.1, bursts: BURSTS, duplicateRatio: 0.05, jitterMs: 400 },
    every: { ...NEVER, listEditS: 60 },
  },
  behind('udp.cpe.oneway'),
  behind('udp.cpe.bidir'),
  behind('udp.cgn.cellular'),
  behind('udp.cgn.fixed'),
  behind('ipv6.firewall'),
  {
    ...BASE,
    name: 'moving',
    link: { ...QUIET_LINK, lossRatio: 0.05, nat: CELLULAR },
    every: { ...NEVER, rebindS: 40, networkChangeS: 60, darkS: 120, airplaneS: 200, blockedS: 200 },
  },
  {
    ...BASE,
    name: 'udp limited',
    tcpKeepaliveS: 90,
    link: { ...QUIET_LINK, lossRatio: 0.02, nat: CELLULAR },
    every: { ...NEVER, udpLimitS: 100, tcpTroubleS: 250, networkChangeS: 200 },
    isReachable: true,
    turmoilS: 600,
  },
  {
    ...BASE,
    name: 'captive',
    tcpKeepaliveS: 90,
    link: { ...QUIET_LINK, lossRatio: 0.02, nat: CELLULAR },
    every: {
      ...NEVER,
      udpLimitS: 200,
      captiveS: 200,
      tcpTroubleS: 150,
      airplaneS: 300,
      suspendS: 300,
      appKillS: 300,
      serverCrashS: 200,
    },
    isReachable: true,
    turmoilS: 600,
    calmS: RESTART_CALM_S,
  },
  {
    ...BASE,
    name: 'ratchet',
    keepaliveS: 12,
    link: { ...QUIET_LINK, lossRatio: 0.1, duplicateRatio: 0.05, jitterMs: 300 },
    every: { ...NEVER, ringS: 60, serverCrashS: 25, appKillS: 60, rebindS: 150 },
    steps: { everyS: 15, keyEveryS: 30 },
    calmS: RESTART_CALM_S,
  },
  {
    ...BASE,
    name: 'sleepers',
    every: { ...NEVER, suspendS: 100, clockSetS: 100, rebindS: 200, appKillS: 300 },
  },
  {
    ...BASE,
    name: 'crashes',
    keepaliveS: 45,
    every: { ...NEVER, serverCrashS: 100, serverStopS: 100, appKillS: 90, listEditS: 80 },
    calmS: RESTART_CALM_S,
  },
  {
    ...BASE,
    name: 'every step',
    keepaliveS: 45,
    link: { ...QUIET_LINK, lossRatio: 0.02 },
    every: { ...NEVER, commitCrashS: 15, saveKillS: 60, networkChangeS: 60, listEditS: 60 },
    calmS: RESTART_CALM_S,
  },
  {
    ...BASE,
    name: 'old copies',
    isOneHandshake: false, // the stores of both ends lose sessions
    keepaliveS: 45,
    link: { ...QUIET_LINK, lossRatio: 0.02 },
    every: {
      ...NEVER,
      oldFlashS: 120,
      cloneS: 200,
      oldDiskS: 150,
      serverCopyS: 150,
      listEditS: 60,
      networkChangeS: 150,
    },
    calmS: RESTART_CALM_S,
  },
  {
    ...BASE,
    name: 'consent',
    devicesPerPerson: 3,
    latecomers: 1,
    link: { ...QUIET_LINK, lossRatio: 0.05 },
    every: {
      ...NEVER,
      ringS: 8,
      listEditS: 90,
      consentS: 30,
      revokeS: 40,
      offS: 120,
      appKillS: 200,
      saveKillS: 200,
      serverCrashS: 150,
      commitCrashS: 100,
    },
    calmS: RESTART_CALM_S,
  },
  {
    ...BASE,
    name: 'hostile',
    keepaliveS: 45,
    hostilePeers: 1,
    link: { ...QUIET_LINK, lossRatio: 0.02 },
    every: { ...NEVER, hostileS: 1, floodS: 200, peerS: 4, rebindS: 120, serverCrashS: 200 },
    calmS: RESTART_CALM_S,
  },
  {
    ...BASE,
    name: 'floods',
    hostilePeers: 2,
    every: { ...NEVER, siegeS: 25, ringS: 8, stateS: 20 },
    isServed: true,
    turmoilS: 120,
  },
  {
    ...BASE,
    name: 'webhooks',
    keepaliveS: 120,
    link: { ...QUIET_LINK, lossRatio: 0.02 },
    every: {
      ...NEVER,
      stateS: 200,
      ringS: 30,
      listEditS: 600,
      appKillS: 1000,
      serverCrashS: 1000,
      serverStopS: 1500,
      commitCrashS: 500,
      hookTroubleS: 200,
      hookCrashS: 300,
      hookBreakS: 1000,
    },
    turmoilS: 4000,
    calmS: WEBHOOK_CALM_S,
  },
  {
    ...BASE,
    name: 'late webhooks',
    keepaliveS: 300,
    every: { ...NEVER, stateS: 500, ringS: 200, listEditS: 2000, hookTroubleS: 500, hookBreakS: 3000 },
    turmoilS: 15_000,
    calmS: WEBHOOK_CALM_S,
  },
  {
    ...BASE,
    name: 'everything',
    isOneHandshake: false, // as phones get old copies of their stores
    keepaliveS: 45,
    tcpKeepaliveS: 120,
    hostilePeers: 1,
    link: { ...QUIET_LINK, lossRatio: 0.05, bursts: BURSTS, duplicateRatio: 0.03, jitterMs: 200, nat: CELLULAR },
    every: {
      stateS: 30,
      rebindS: 90,
      networkChangeS: 120,
      darkS: 150,
      airplaneS: 300,
      blockedS: 300,
      udpLimitS: 300,
      captiveS: 500,
      tcpTroubleS: 200,
      appKillS: 150,
      saveKillS: 200,
      suspendS: 200,
      clockSetS: 200,
      oldFlashS: 400,
      cloneS: 0,
      listEditS: 60,
      ringS: 10,
      consentS: 0,
      revokeS: 0,
      offS: 0,
      serverCrashS: 200,
      serverStopS: 300,
      commitCrashS: 150,
      oldDiskS: 0,
      serverCopyS: 0,
      hookTroubleS: 0,
      hookCrashS: 0,
      hookBreakS: 0,
      hostileS: 3,
      floodS: 300,
      siegeS: 0,
      peerS: 5,
    },
    steps: { everyS: 60, keyEveryS: 300 },
    calmS: RESTART_CALM_S,
  },
]

/** Everybody comes back at once. Not among the seeds of `SCENARIOS`: each is a run of its own. */
export const STORMS: readonly Scenario[] = [500, 10_000].map((devices) => ({
  ...BASE,
  name: `storm of ${devices}`,
  isOneHandshake: false, // the server loses all sessions
  persons: devices,
  devicesPerPerson: 1,
  keepaliveS: 120,
  every: { ...NEVER, stateS: 0, ringS: 1 },
  storm: true,
  turmoilS: 150,
  calmS: 400,
}))
