/** An operator's call where no server runs: at the store itself. */
import { existsSync } from 'node:fs'
import { nobleCrypto } from '../crypto/noble.js'
import { adminMethods } from '../io/admin-methods.js'
import type { Params } from '../io/call-socket.js'
import { ServerError } from '../io/server-error.js'
import { databaseFile, restoredFile } from '../store/folder-layout.js'
import { openStore } from '../store/open.js'
import { cliError } from './cli-error.js'

/**
 * Calls one method of the operator and gives its result. Opening a store makes one where there is none: only what adds to it
 * may do that (`mayCreate`), not a question with a wrong folder.
 *
 * @throws CliError PL_NO_STORE; PilotlightError of the store or the method.
 */
export async function callStore(
  folder: string,
  keyFile: string,
  method: string,
  params: Params,
  mayCreate: boolean,
): Promise<unknown> {
  if (!mayCreate && !existsSync(folder)) throw cliError('PL_NO_STORE', `there is no folder ${folder}`)
  // Beside a key file a database is missing: the store says so.
  if (!mayCreate && ![databaseFile(folder), restoredFile(folder), keyFile].some(existsSync))
    throw cliError('PL_NO_STORE', `${folder} is no folder of a server`)
  const store = await openStore({ folder, keyFile })
  try {
    const { keys } = await store.boot(Date.now())
    const called = adminMethods({ store, crypto: nobleCrypto, keys: () => keys, running: null })[method]
    if (called === undefined) throw new ServerError('PL_UNKNOWN_METHOD')
    return await called(params)
  } finally {
    await store.close()
  }
}
