/** The operator's methods from the command line: at the running server if there is one, else at the store itself. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { nobleCrypto } from '../crypto/noble.js'
import { adminMethods } from '../io/admin-methods.js'
import { ADMIN_SOCKET, connectCalls, type Params } from '../io/call-socket.js'
import { ServerError } from '../io/server-error.js'
import { openStore } from '../store/open.js'
import { cliError } from './cli-error.js'
import { text } from './option.js'

/** Options of every operator's command. */
export const ADMIN_OPTIONS = {
  data: text('FOLDER', 'folder of database and keys', './var'),
}

/** Calls one method and gives its result. `mayCreate`: the folder is made if there is none, as `serve` does. */
export async function callAdmin(folder: string, method: string, params: Params, mayCreate = false): Promise<unknown> {
  const client = await connectCalls(join(resolve(folder), ADMIN_SOCKET))
  if (client === null) return callStore(resolve(folder), method, params, mayCreate)
  try {
    return await client.call(method, params)
  } finally {
    client.close()
  }
}

async function callStore(folder: string, method: string, params: Params, mayCreate: boolean): Promise<unknown> {
  if (!mayCreate && !existsSync(folder)) throw cliError('PL_NO_STORE', `there is no folder ${folder}`)
  const store = await openStore({ folder })
  try {
    const { keys } = await store.boot(Date.now())
    const called = adminMethods({ store, crypto: nobleCrypto, keys: () => keys, running: null })[method]
    if (called === undefined) throw new ServerError('PL_UNKNOWN_METHOD')
    return await called(params)
  } finally {
    await store.close()
  }
}
