import type { FastifyRequest } from 'fastify'

/**
 * A query string has only texts. This gives each value the type that its schema asks for, strictly: whole decimal numbers,
 * and a list where one may stand several times. What does not fit is left for the schema to refuse.
 */
export async function readQuery(request: FastifyRequest): Promise<void> {
  const schema = request.routeOptions.schema?.querystring as
    | { properties?: Record<string, { type?: string }> }
    | undefined
  const query = request.query as Record<string, unknown>
  for (const [name, { type }] of Object.entries(schema?.properties ?? {})) {
    const value = query[name]
    if (typeof value !== 'string') continue
    if (type === 'integer' && /^(0|[1-9][0-9]{0,8})$/.test(value)) query[name] = Number(value)
    if (type === 'array') query[name] = [value]
  }
}
