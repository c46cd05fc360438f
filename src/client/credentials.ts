import { base64url, fromBase64url } from '../base/base64.js'
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

/** Credentials as JSON, byte strings in base64url. */
export function writeCredentials(credentials: Credentials): string {
  const { deviceId, secretKey, publicKey, psk, serverKeys, endpoints } = credentials
  const keys = { secretKey: base64url(secretKey), publicKey: base64url(publicKey), psk: base64url(psk) }
  return JSON.stringify({ deviceId, ...keys, serverKeys: serverKeys.map(base64url), endpoints }, null, 2)
}

/**
 * Reads what `writeCredentials` wrote.
 *
 * @param where names the place of the text in an error.
 * @throws DeviceError PL_BAD_CREDENTIALS if it cannot be read.
 */
export function readCredentials(text: string, where: string): Credentials {
  try {
    const stored = JSON.parse(text) as Record<keyof Credentials, unknown>
    const credentials = {
      deviceId: String(stored.deviceId),
      secretKey: bytesOf(stored.secretKey),
      publicKey: bytesOf(stored.publicKey),
      psk: bytesOf(stored.psk),
      serverKeys: (stored.serverKeys as unknown[]).map(bytesOf),
      endpoints: (stored.endpoints as unknown[]).map(String),
    }
    checkCredentials(credentials)
    return credentials
  } catch (error) {
    throw error instanceof DeviceError ? error : new DeviceError('PL_BAD_CREDENTIALS', `${where} holds no credentials`)
  }
}

function bytesOf(value: unknown): Uint8Array {
  const bytes = typeof value === 'string' ? fromBase64url(value) : null
  if (bytes === null) throw new DeviceError('PL_BAD_CREDENTIALS', 'a key is not base64url')
  return bytes
}
