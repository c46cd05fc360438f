/** Who asks. */
import type { FastifyRequest } from 'fastify'
import type { AppEntry } from './message.js'
import { Problem } from './problem.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** the application whose API key came with the request */
    caller: AppEntry | null
  }
}

/** The application of a request that passed `withKey`. */
export function callerOf(request: FastifyRequest): AppEntry {
  if (request.caller === null) throw new Problem('internal')
  return request.caller
}
