/** What a simulated life is like, as data. Times in virtual seconds. */
import type { LinkConditions } from './network.js'

export interface Scenario {
  name: string
  persons: number
  devicesPerPerson: number
  /** endpoints, each with devices of its own, behind one hub */
  workers: number
  keepaliveS: number
  link: LinkConditions
  /** mean seconds between such happenings; 0 never */
  every: {
    stateS: number
    ringS: number
    listEditS: number
    rebindS: number
    networkChangeS: number
    darkS: number
    appKillS: number
    serverCrashS: number
    hostileS: number
  }
  /** when key steps are due, in place of an hour and a day */
  steps?: { everyS: number; keyEveryS: number }
  /** whether nothing in it is a reason for a second handshake of a device */
  isOneHandshake?: boolean
  /** how long the turmoil lasts */
  turmoilS: number
}

const QUIET_LINK: LinkConditions = {
  latencyMs: 40,
  jitterMs: 20,
  lossRatio: 0,
  duplicateRatio: 0,
  natIdleMs: Number.POSITIVE_INFINITY,
}
const NEVER = {
  stateS: 60,
  ringS: 20,
  listEditS: 0,
  rebindS: 0,
  networkChangeS: 0,
  darkS: 0,
  appKillS: 0,
  serverCrashS: 0,
  hostileS: 0,
}
const BASE: Scenario = {
  name: 'calm',
  persons: 3,
  devicesPerPerson: 2,
  workers: 3,
  keepaliveS: 30,
  link: QUIET_LINK,
  every: NEVER,
  turmoilS: 600,
}

export const SCENARIOS: readonly Scenario[] = [
  BASE,
  {
    ...BASE,
    name: 'lossy',
    link: { ...QUIET_LINK, lossRatio: 0.2, duplicateRatio: 0.05, jitterMs: 400 },
    every: { ...NEVER, listEditS: 60 },
  },
  {
    ...BASE,
    name: 'moving',
    link: { ...QUIET_LINK, lossRatio: 0.05, natIdleMs: 65_000 },
    every: { ...NEVER, rebindS: 40, networkChangeS: 60, darkS: 120 },
  },
  {
    ...BASE,
    name: 'ratchet',
    keepaliveS: 12,
    link: { ...QUIET_LINK, lossRatio: 0.1, duplicateRatio: 0.05, jitterMs: 300 },
    every: { ...NEVER, ringS: 60, serverCrashS: 25, appKillS: 60, rebindS: 150 },
    steps: { everyS: 15, keyEveryS: 30 },
    isOneHandshake: true,
  },
  { ...BASE, name: 'crashes', every: { ...NEVER, serverCrashS: 60, appKillS: 90, listEditS: 80 } },
  {
    ...BASE,
    name: 'hostile',
    link: { ...QUIET_LINK, lossRatio: 0.02 },
    every: { ...NEVER, hostileS: 1, rebindS: 120, serverCrashS: 200 },
  },
  {
    ...BASE,
    name: 'everything',
    link: { ...QUIET_LINK, lossRatio: 0.1, duplicateRatio: 0.03, jitterMs: 200, natIdleMs: 120_000 },
    every: {
      stateS: 30,
      ringS: 10,
      listEditS: 60,
      rebindS: 90,
      networkChangeS: 120,
      darkS: 150,
      appKillS: 120,
      serverCrashS: 120,
      hostileS: 3,
    },
    steps: { everyS: 60, keyEveryS: 300 },
  },
]
