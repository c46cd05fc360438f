/** The operator's methods from the command line: at the running server if there is one, else at the store itself. */
import { join, resolve } from 'node:path'
import { ADMIN_SOCKET, type CallClient, connectCalls, type Params } from '../io/call-socket.js'
import { defaultKeyFile } from '../store/folder-layout.js'
import { cliError } from './cli-error.js'
import { text } from './option.js'

/** The option that names the key file. */
export const KEY_FILE = text(
  'FILE',
  'key file, if it is not keys.json in the folder: a copy of the folder opens nothing then',
)

/** The application that a command is about. */
export const APP = { name: 'APP', help: 'app_..., see `app list`' }

/** Options of every operator's command. */
export const ADMIN_OPTIONS = {
  data: text('FOLDER', 'folder of database and keys', './var'),
  keyFile: KEY_FILE,
}

/** Where the server's files are, as `ADMIN_OPTIONS` gives it. */
export interface Place {
  data: string
  /** '' for the one in the folder */
  keyFile: string
}

/** Calls one method and gives its result. `mayCreate`: the folder is made if there is none, as `serve` does. */
export async function callAdmin(place: Place, method: string, params: Params, mayCreate = false): Promise<unknown> {
  const client = await connectServer(resolve(place.data))
  if (client === null) {
    const { callStore } = await import('./store-call.js') // the store's code is loaded only where it is needed
    return callStore(resolve(place.data), keyFileOf(place), method, params, mayCreate)
  }
  try {
    return await client.call(method, params)
  } finally {
    client.close()
  }
}

/** The server that runs on a folder, or null. @throws CliError PL_NO_STORE if this user may not speak with it. */
export async function connectServer(folder: string): Promise<CallClient | null> {
  try {
    return await connectCalls(join(folder, ADMIN_SOCKET))
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOTDIR') return null // what is no folder has no server; the store says so in words
    const why = `the server's socket in ${folder} cannot be used (${code ?? 'error'})`
    throw cliError('PL_NO_STORE', why, 'Run it as the user who runs the server.')
  }
}

/** The key file's path. */
export function keyFileOf({ data, keyFile }: Place): string {
  return keyFile === '' ? defaultKeyFile(resolve(data)) : resolve(keyFile)
}
