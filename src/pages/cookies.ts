/** Cookies, RFC 6265. */
import type { FastifyReply, FastifyRequest } from 'fastify'

/** Longest header field that is looked at. */
const CHARACTERS_MAX = 8192

/**
 * The cookies that the pages set. Over HTTPS their names begin with `__Host-`: a browser takes such ones from this very
 * host only, so that no neighbour domain can plant one.
 */
export type CookieName = 'session' | 'visit' | 'language' | 'way' | 'known'

/** The value of a cookie, '' if there is none. Of two with one name the first counts, as a more exact path goes first. */
export function cookieOf(request: FastifyRequest, name: CookieName): string {
  const line = (request.headers.cookie ?? '').slice(0, CHARACTERS_MAX)
  for (const part of line.split(';')) {
    const at = part.indexOf('=')
    if (at > 0 && part.slice(0, at).trim() === fullName(request, name)) return part.slice(at + 1).trim()
  }
  return ''
}

/**
 * Sets a cookie that scripts cannot read and other sites' forms do not bring.
 *
 * @param value letters, digits, `-`, `_` and `.` only; '' removes it.
 * @param maxAgeS null until the browser closes.
 */
export function setCookie(
  request: FastifyRequest,
  reply: FastifyReply,
  name: CookieName,
  value: string,
  maxAgeS: number | null = null,
): void {
  const age = value === '' ? '; Max-Age=0' : maxAgeS === null ? '' : `; Max-Age=${Math.floor(maxAgeS)}`
  const secure = request.protocol === 'https' ? '; Secure' : ''
  // Lax and not Strict: an application's link to /authorize must find who is signed in.
  const cookie = `${fullName(request, name)}=${value}; Path=/; HttpOnly; SameSite=Lax${secure}${age}`
  const others = [reply.getHeader('set-cookie') ?? []].flat().map(String)
  const kept = others.filter((other) => !other.startsWith(`${fullName(request, name)}=`))
  reply.removeHeader('set-cookie')
  reply.header('set-cookie', [...kept, cookie])
}

function fullName(request: FastifyRequest, name: CookieName): string {
  return `${request.protocol === 'https' ? '__Host-' : ''}pilotlight_${name}`
}
