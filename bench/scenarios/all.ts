import type { Scenario } from '../scenario.js'
import { energy } from './energy.js'
import { expiry } from './expiry.js'
import { growth } from './growth.js'
import { keepalive } from './keepalive.js'
import { load } from './load.js'
import { memory } from './memory.js'
import { mixed } from './mixed.js'
import { outcomes } from './outcomes.js'
import { overload } from './overload.js'
import { presence } from './presence.js'
import { profile } from './profile.js'
import { restart } from './restart.js'
import { ring } from './ring.js'
import { store } from './store.js'
import { storm } from './storm.js'
import { wire } from './wire.js'

/** Every scenario, in the order in which `LIST` shows and `all` runs them. */
export const SCENARIOS: readonly Scenario[] = [
  wire,
  load,
  memory,
  growth,
  storm,
  restart,
  expiry,
  ring,
  presence,
  mixed,
  overload,
  profile,
  energy,
  keepalive,
  outcomes,
  store,
]
