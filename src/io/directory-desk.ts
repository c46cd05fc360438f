/** Where the main thread serves what signed-in persons and developers ask, and tells the hub what became of it. */
import type { HubRequest } from '../hub/message.js'
import { CloseCode } from '../packet/constants.js'
import type { ToSidecar } from '../sidecar/message.js'
import type { DirectoryAnswer, DirectoryAsk } from '../store/directory-message.js'
import type { Store } from '../store/store.js'
import type { Log } from './log.js'

/** What the desk works with. */
export interface DirectoryParts {
  store: Pick<Store, 'directory'>
  log: Log
  tellHub(request: HubRequest): void
  /** The sidecar is told applications and API keys anew. */
  tellApps(): Promise<void>
}

/** Answers one question. Whoever reads the answer can use what it says: a new key is known before it is told. */
export async function answerDirectory(
  { store, log, tellHub, tellApps }: DirectoryParts,
  request: number,
  ask: DirectoryAsk,
): Promise<Extract<ToSidecar, { kind: 'directory' }>> {
  try {
    const answer = await store.directory(ask, Date.now())
    tellChange(ask, answer, tellHub)
    if (answer !== null && CHANGES_KEYS.has(ask.kind)) await tellApps()
    return { kind: 'directory', request, answer }
  } catch (error) {
    log.error({ err: error, kind: ask.kind }, 'the directory could not be asked')
    return { kind: 'directory', request, answer: 'unavailable' }
  }
}

const CHANGES_KEYS: ReadonlySet<DirectoryAsk['kind']> = new Set([
  'app-add',
  'app-change',
  'app-remove',
  'key-add',
  'key-remove',
  'account-remove',
])

function tellChange(ask: DirectoryAsk, answer: DirectoryAnswer, tellHub: (request: HubRequest) => void): void {
  if (answer?.kind === 'signed-in' && answer.isNewPerson === true) {
    tellHub({ kind: 'account-added', person: answer.session.person })
  }
  if (answer?.kind === 'device-removed') {
    tellHub({ kind: 'device-removed', device: answer.device, code: CloseCode.deviceRemoved })
  }
  if (answer?.kind === 'account-removed') {
    for (const { app } of answer.apps) tellHub({ kind: 'app-removed', app })
    tellHub({ kind: 'account-removed', person: answer.person, devices: answer.devices })
  }
  if (answer?.kind !== 'app') return
  const { app, appId, name } = answer.app
  if (ask.kind === 'app-add') tellHub({ kind: 'app-added', app, appId, name })
  if (ask.kind === 'app-remove') tellHub({ kind: 'app-removed', app })
}
