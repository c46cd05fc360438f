import type { PolicySpec } from '../policy.js'
import { FIREFOX_OS } from './firefox-os.js'
import { ladder, PUBLISHED_FIXED } from './fixed.js'
import { MARS } from './mars.js'
import { MICROG } from './microg.js'
import { SEARCHES } from './search.js'

/** Every rival: energy-nat.md section 4, and the ladder of fixed intervals. */
export const RIVALS: readonly PolicySpec[] = [MARS, FIREFOX_OS, MICROG, ...SEARCHES, ...PUBLISHED_FIXED, ...ladder()]
