/** Redirect URIs: registered by the developer, matched character by character (OAuth 2.1 §4.1.3, RFC 8252 §7). */

/** Longest redirect URI. */
export const REDIRECT_URI_CHARACTERS_MAX = 512

/** Most that one application may register. */
export const REDIRECT_URIS_MAX = 20

const LOOPBACK = new Set(['127.0.0.1', '[::1]'])

/**
 * What is wrong with a redirect URI that a developer registers.
 *
 * https for any host; http for loopback addresses and `localhost`; or a private-use scheme in reverse domain order
 * (`org.example.app:/cb`), for native applications. No fragment, no user name, ASCII only.
 *
 * @returns null if it is fine.
 */
export function redirectUriFault(uri: string): string | null {
  if (!/^[\x21-\x7e]+$/.test(uri) || uri.length > REDIRECT_URI_CHARACTERS_MAX) return 'not 1 to 512 visible characters'
  if (!URL.canParse(uri)) return 'not an absolute URI'
  const url = new URL(uri)
  if (uri.includes('#')) return 'has a fragment'
  if (url.username !== '' || url.password !== '') return 'has a user name'
  if (url.protocol === 'https:') return null
  if (url.protocol === 'http:') return isLocal(url) ? null : 'is http and not a loopback address'
  return /^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:$/.test(url.protocol) ? null : 'has a scheme that is not allowed'
}

/**
 * Whether a request may redirect to a URI.
 *
 * @param registered those of the application.
 * @param asked      the request's; any text. The port of a loopback address may be any (RFC 8252 §7.3).
 */
export function isRegistered(registered: readonly string[], asked: string): boolean {
  if (registered.includes(asked)) return true
  const plain = withoutLoopbackPort(asked)
  return plain !== null && registered.some((uri) => withoutLoopbackPort(uri) === plain)
}

/** A redirect with parameters of an answer added; those that are null are left out. */
export function redirectTo(uri: string, parameters: Readonly<Record<string, string | null>>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) if (value !== null) query.set(name, value)
  return `${uri}${uri.includes('?') ? '&' : '?'}${query}`
}

function isLocal({ hostname }: URL): boolean {
  return hostname === 'localhost' || LOOPBACK.has(hostname)
}

function withoutLoopbackPort(uri: string): string | null {
  const match = /^(http:\/\/(?:127\.0\.0\.1|\[::1\]))(?::[0-9]{1,5})?((?:[/?].*)?)$/.exec(uri)
  return match === null || redirectUriFault(uri) !== null ? null : `${match[1]}${match[2]}`
}
