import type { PersonKey } from '../hub/message.js'
import { SERVER_KEY } from '../hub/ring-links.js'
import type { Context } from '../sidecar/context.js'

/** What the server itself asks a person. */
export interface ServerRing {
  title: string
  body: string
  deadlineInMs: number
  /** one that is newer takes the place of the last with the same key */
  collapseKey: string
}

/**
 * The server itself rings all devices of a person that are in contact, as they asked for it: wire-spec 12.2-6.
 *
 * @returns its id, 32 hex digits; of the application `SERVER_KEY`.
 */
export async function ringByServer({ link }: Context, person: PersonKey, ring: ServerRing): Promise<string> {
  const asked = { url: '', payload: '', strategy: 'all', stepMs: 0, idempotencyKey: '', ...ring } as const
  const made = await link.ring(SERVER_KEY, { to: [`${person}`], ...asked })
  return made.ring.ring
}
