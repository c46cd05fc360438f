import type { PolicySpec } from './policy.js'

/** Pilotlight's own policy: the client's code behind the same door. Null until the client has one. */
export const OURS: PolicySpec | null = null
