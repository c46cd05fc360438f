import type { Scenario } from '../scenario.js'
import { energy } from './energy.js'
import { keepalive } from './keepalive.js'
import { outcomes } from './outcomes.js'
import { wire } from './wire.js'

/** Every scenario, in the order in which `LIST` shows and `all` runs them. */
export const SCENARIOS: readonly Scenario[] = [energy, keepalive, outcomes, wire]
