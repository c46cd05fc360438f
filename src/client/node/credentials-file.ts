import { base64url, fromBase64url } from '../../base/base64.js'
import { type Credentials, checkCredentials } from '../credentials.js'
import { DeviceError } from '../device-error.js'
import { FileStorage } from './file-storage.js'

/**
 * Writes credentials to a file that only its owner may read: JSON, byte strings in base64url.
 *
 * @param path replaced as a whole if it exists.
 */
export function saveCredentials(path: string, credentials: Credentials): Promise<void> {
  const { deviceId, secretKey, publicKey, psk, serverKeys, endpoints } = credentials
  const keys = { secretKey: base64url(secretKey), publicKey: base64url(publicKey), psk: base64url(psk) }
  const stored = { deviceId, ...keys, serverKeys: serverKeys.map(base64url), endpoints }
  return new FileStorage(path).save(new TextEncoder().encode(`${JSON.stringify(stored, null, 2)}\n`))
}

/**
 * Reads what `saveCredentials` wrote.
 *
 * @returns null if there is no such file.
 * @throws DeviceError PL_BAD_CREDENTIALS if it cannot be read.
 */
export async function loadCredentials(path: string): Promise<Credentials | null> {
  const bytes = await new FileStorage(path).load()
  if (bytes === null) return null
  try {
    const stored = JSON.parse(new TextDecoder().decode(bytes)) as Record<keyof Credentials, unknown>
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
    throw error instanceof DeviceError
      ? error
      : new DeviceError('PL_BAD_CREDENTIALS', `${path} is not a credentials file`)
  }
}

function bytesOf(value: unknown): Uint8Array {
  const bytes = typeof value === 'string' ? fromBase64url(value) : null
  if (bytes === null) throw new DeviceError('PL_BAD_CREDENTIALS', 'a key is not base64url')
  return bytes
}
