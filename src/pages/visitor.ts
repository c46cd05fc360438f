/** Who looks at a page. */
import { createHmac, randomBytes } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Context } from '../sidecar/context.js'
import { Problem } from '../sidecar/problem.js'
import type { SessionRow } from '../store/directory-message.js'
import { cookieOf, setCookie } from './cookies.js'
import { type Language, languageOf } from './words/words.js'

declare module 'fastify' {
  interface FastifyRequest {
    /** who looks at a page */
    visitor: Visitor | null
  }
}

/** One browser. */
export interface Visitor {
  session: SessionRow | null
  language: Language
  /** stands in every form that this browser is given, and must come back with it */
  csrf: string
}

const VISIT = /^[A-Za-z0-9_-]{43}$/
const SESSION = /^pls_[A-Za-z0-9_-]{1,100}$/

/** Finds out who visits; a browser without a session gets a random cookie, so that its forms are its own too. */
export function meetVisitor(context: Context): (request: FastifyRequest, reply: FastifyReply) => Promise<void> {
  return async (request, reply) => {
    const language = languageOf(cookieOf(request, 'language'), request.headers['accept-language'])
    request.visitor = { session: null, language, csrf: '' }
    const token = cookieOf(request, 'session')
    if (SESSION.test(token) && context.link.state === 'ready') {
      const found = await context.link.directory({ kind: 'session', token })
      if (found?.kind === 'session') {
        request.visitor = { session: found.session, language, csrf: formToken(token) }
        return
      }
    }
    let visit = cookieOf(request, 'visit')
    if (!VISIT.test(visit)) {
      visit = randomBytes(32).toString('base64url')
      setCookie(request, reply, 'visit', visit)
    }
    request.visitor.csrf = formToken(visit)
  }
}

/** The visitor of a request that came as far as a handler. */
export function visitorOf(request: FastifyRequest): Visitor {
  if (request.visitor === null) throw new Problem('internal')
  return request.visitor
}

/**
 * Signs this browser in: with a cookie that is new, whatever it brought; its last session ends. So nobody goes on with a
 * session that somebody else has planted (session fixation).
 */
export async function signInBrowser(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  { token, session }: { token: string; session: SessionRow },
): Promise<void> {
  const last = visitorOf(request).session
  if (last !== null) await context.link.directory({ kind: 'sign-out', person: last.person, id: last.id })
  setCookie(request, reply, 'session', token, (session.expiresMs - session.createdMs) / 1000)
  setCookie(request, reply, 'visit', '')
  // From now on it may ask the person's devices, also when its session is over.
  const ask = { kind: 'browser-remember', person: session.person, id: session.id } as const
  const remembered = await context.link.directory({ ...ask, before: cookieOf(request, 'known') })
  if (remembered?.kind === 'remembered') setCookie(request, reply, 'known', remembered.known, KNOWN_S)
}

/** As long as the store knows a browser, at least. */
const KNOWN_S = 180 * 86_400

/** What a person reads in the list of their sessions, e.g. `Firefox, Linux`. At most 64 characters. */
export function browserName(userAgent: string | undefined): string {
  const agent = userAgent ?? ''
  const browser = BROWSERS.find(([pattern]) => pattern.test(agent))?.[1] ?? 'Browser'
  const system = SYSTEMS.find(([pattern]) => pattern.test(agent))?.[1]
  return system === undefined ? browser : `${browser}, ${system}`
}

// The more special first: they all name the ones that they are made of.
const BROWSERS: [RegExp, string][] = [
  [/Edg(e|A|iOS)?\//, 'Edge'],
  [/OPR\//, 'Opera'],
  [/Firefox\/|FxiOS\//, 'Firefox'],
  [/Chrom(e|ium)\/|CriOS\//, 'Chrome'],
  [/Safari\//, 'Safari'],
]
const SYSTEMS: [RegExp, string][] = [
  [/Android/, 'Android'],
  [/iPhone|iPad/, 'iOS'],
  [/Windows/, 'Windows'],
  [/Mac OS X/, 'macOS'],
  [/CrOS/, 'ChromeOS'],
  [/Linux/, 'Linux'],
]

/** Tells nothing of the cookie that it is made of, and cannot be made without it. */
function formToken(cookie: string): string {
  return createHmac('sha256', cookie).update('pilotlight form').digest('base64url')
}
