/** The files of a terminal phone: credentials, state and socket, side by side. */
import { closeSync, openSync, rmSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Credentials } from '../../client/credentials.js'
import { loadCredentials } from '../../client/node/credentials-file.js'
import { makeFolder } from '../../store/durable-file.js'
import { cliError } from '../cli-error.js'

/** Where the device keeps its session, list and rings. */
export function stateFile(file: string): string {
  return `${file}.state`
}

/** Where a running device listens for commands of this machine. */
export function socketFile(file: string): string {
  return `${file}.sock`
}

/** Reads what `device enrol` wrote. @throws CliError PL_DEVICE_FILE; DeviceError PL_BAD_CREDENTIALS. */
export async function loadDeviceFile(file: string): Promise<Credentials> {
  if (file === '') throw cliError('PL_DEVICE_FILE', '--file is missing')
  const credentials = await loadCredentials(file).catch((error: NodeJS.ErrnoException) => {
    if (error.syscall !== undefined) throw cliError('PL_DEVICE_FILE', `${file} cannot be read (${error.code})`)
    throw error
  })
  if (credentials === null) throw cliError('PL_DEVICE_FILE', `there is no file ${file}`)
  return credentials
}

/**
 * Makes the file of a device that is not enrolled yet, empty and for its owner only: what is wrong with the name shows
 * before the enrolment code is used up.
 *
 * @returns takes it away again.
 * @throws CliError PL_DEVICE_FILE.
 */
export function claimDeviceFile(file: string): () => void {
  const hint = 'Give another name with --file.'
  try {
    makeFolder(dirname(resolve(file)))
  } catch {
    throw cliError('PL_DEVICE_FILE', `the folder of ${file} cannot be made`, hint)
  }
  try {
    closeSync(openSync(file, 'wx', 0o600))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST')
      throw cliError('PL_DEVICE_FILE', `${file} exists already`, 'Give another name, or remove it.')
    throw cliError('PL_DEVICE_FILE', `${file} cannot be written (${code})`, hint)
  }
  return () => rmSync(file, { force: true })
}
