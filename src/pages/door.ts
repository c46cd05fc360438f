/** One path with two doors: JSON for programs, a page for browsers. */
import type { IncomingMessage } from 'node:http'

/** Routes with `constraints: FOR_BROWSERS` get what a browser asks for by following a link or sending a form. */
export const FOR_BROWSERS = { door: 'page' } as const

/** See `FOR_BROWSERS`; where a path has no such route, the other one serves all. */
export const PAGE_CONSTRAINT = {
  name: 'door',
  mustMatchWhenDerived: false,
  validate() {},
  storage() {
    const handlers = new Map<unknown, never>()
    return {
      get: (door: unknown) => handlers.get(door) ?? null,
      set: (door: unknown, handler: never) => void handlers.set(door, handler),
    }
  },
  deriveConstraint: ({ method, headers }: Pick<IncomingMessage, 'method' | 'headers'>) =>
    isBrowsers(method, headers) ? FOR_BROWSERS.door : undefined,
}

/** Whether a page is an answer that fits: programs say that they take anything, or name JSON. */
export function wantsPage(headers: IncomingMessage['headers']): boolean {
  return /\btext\/html\b/i.test(headers.accept ?? '')
}

function isBrowsers(method: string | undefined, headers: IncomingMessage['headers']): boolean {
  if (method === 'POST') return /^application\/x-www-form-urlencoded\b/i.test(headers['content-type'] ?? '')
  return wantsPage(headers)
}
