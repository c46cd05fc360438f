import type { FastifyReply, FastifyRequest } from 'fastify'
import type { SessionRow } from '../store/directory-message.js'
import { visitorOf } from './visitor.js'
import { wayOf } from './way.js'

/** Leads who is not signed in to the page where they can, and back. For a form, to the page that it stands on. */
export async function demandSession(request: FastifyRequest, reply: FastifyReply): Promise<void> {
  if (visitorOf(request).session !== null) return
  const next = request.method === 'GET' ? wayOf(request.url, '/panel') : '/panel'
  await reply
    .code(303)
    .header('location', `/sign-in?next=${encodeURIComponent(next)}`)
    .send()
}

/** Who is signed in, behind `demandSession`. */
export function sessionOfPage(request: FastifyRequest): SessionRow {
  const { session } = visitorOf(request)
  if (session === null) throw new Error('not behind demandSession')
  return session
}
