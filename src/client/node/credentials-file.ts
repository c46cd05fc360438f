import { type Credentials, readCredentials, writeCredentials } from '../credentials.js'
import { FileStorage } from './file-storage.js'

/**
 * Writes credentials to a file that only its owner may read: JSON, byte strings in base64url.
 *
 * @param path replaced as a whole if it exists.
 */
export function saveCredentials(path: string, credentials: Credentials): Promise<void> {
  return new FileStorage(path).save(new TextEncoder().encode(`${writeCredentials(credentials)}\n`))
}

/**
 * Reads what `saveCredentials` wrote.
 *
 * @returns null if there is no such file.
 * @throws DeviceError PL_BAD_CREDENTIALS if it cannot be read.
 */
export async function loadCredentials(path: string): Promise<Credentials | null> {
  const bytes = await new FileStorage(path).load()
  return bytes === null ? null : readCredentials(new TextDecoder().decode(bytes), path)
}
