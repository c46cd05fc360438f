/** The files of a terminal phone: credentials, state and socket, side by side. */
import type { Credentials } from '../../client/credentials.js'
import { loadCredentials } from '../../client/node/credentials-file.js'
import { cliError } from '../cli-error.js'

/** Where the device keeps its session, list and rings. */
export function stateFile(file: string): string {
  return `${file}.state`
}

/** Where a running device listens for commands of this machine, unless `--socket` says otherwise. */
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
