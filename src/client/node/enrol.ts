import type { Credentials } from '../credentials.js'
import { type EnrolOptions, enrol as enrolWith } from '../enrol.js'
import { systemHost } from './system-host.js'

/**
 * Makes the device's key pair and enrols it, as `client/enrol.ts` says.
 *
 * @throws DeviceError PL_PLAIN_HTTP, PL_ENROL_FAILED with what the server said.
 */
export function enrol(options: EnrolOptions): Promise<Credentials> {
  return enrolWith(options, systemHost().random)
}
