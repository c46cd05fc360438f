/** Who asks. */
import type { FastifyRequest } from 'fastify'
import type { SessionRow } from '../store/directory-message.js'
import type { Caller } from './api-keys.js'
import { Problem } from './problem.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** the application whose API key came with the request */
    caller: Caller | null
    /** who is signed in */
    session: SessionRow | null
  }
}

/** The application of a request that passed `withKey`. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.caller === null) throw new Problem('internal')
  return request.caller
}

/** The session of a request that passed `withSession`. */
export function signedIn(request: FastifyRequest): SessionRow {
  if (request.session === null) throw new Problem('internal')
  return request.session
}
