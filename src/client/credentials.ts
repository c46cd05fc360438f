import { KEY_BYTES } from '../crypto/crypto.js'
import { DeviceError } from './device-error.js'

/** What enrolment gives a device; constant from then on. wire-spec §12.1. Keep it as secret as a password. */
export interface Credentials {
  /** as the server named the device */
  deviceId: string
  /** 32 B, static X25519 */
  secretKey: Uint8Array
  /** 32 B, belongs to `secretKey` */
  publicKey: Uint8Array
  /** 32 B */
  psk: Uint8Array
  /** static public keys of the server, 32 B each, the current one first; at least one */
  serverKeys: Uint8Array[]
  /** such as `udp://host:port`, at least one */
  endpoints: string[]
}

/**
 * Refuses credentials that cannot work, before anything is sent.
 *
 * @throws DeviceError PL_BAD_CREDENTIALS.
 */
export function checkCredentials(credentials: Credentials): void {
  for (const name of ['secretKey', 'publicKey', 'psk'] as const) {
    if (!isKey(credentials[name])) throw new DeviceError('PL_BAD_CREDENTIALS', `${name} must be ${KEY_BYTES} bytes`)
  }
  if (credentials.serverKeys.length === 0 || !credentials.serverKeys.every(isKey)) {
    throw new DeviceError('PL_BAD_CREDENTIALS', `serverKeys must hold keys of ${KEY_BYTES} bytes`)
  }
}

function isKey(value: unknown): boolean {
  return value instanceof Uint8Array && value.length === KEY_BYTES
}
