/** Enrolment: how a device gets its credentials. wire-spec §12.1 */
import { base64url, fromBase64url } from '../base/base64.js'
import type { Random } from '../base/random.js'
import { KEY_BYTES } from '../crypto/crypto.js'
import { keyPair } from '../crypto/key-pair.js'
import { nobleCrypto } from '../crypto/noble.js'
import type { Credentials } from './credentials.js'
import { DeviceError } from './device-error.js'

/** The server has this long to answer, ms. */
const TIMEOUT_MS = 15_000

/** Longest answer that is read, B. */
const ANSWER_BYTES_MAX = 65_536

export interface EnrolOptions {
  /** base of the server's HTTP, such as `https://example.org`; plain `http` on loopback only */
  url: string
  /** one-time enrolment code */
  code: string
  /** what the person calls this device, 1 to 64 characters */
  name: string
  /** default the global `fetch` */
  fetch?: typeof fetch
}

/**
 * Makes the device's key pair and enrols it.
 *
 * @param random where the secret key comes from.
 * @returns the credentials: store them as secretly as a password. The code is used up.
 * @throws DeviceError PL_PLAIN_HTTP, PL_ENROL_FAILED with what the server said.
 */
export async function enrol(options: EnrolOptions, random: Random): Promise<Credentials> {
  const url = enrolUrl(options.url)
  const { secretKey, publicKey } = keyPair(nobleCrypto, random.fill(new Uint8Array(KEY_BYTES)))
  const body = JSON.stringify({ code: options.code, publicKey: base64url(publicKey), name: options.name })
  const answer = await post(options.fetch ?? fetch, url, body)
  return { ...readAnswer(answer), secretKey, publicKey }
}

/** @throws DeviceError PL_PLAIN_HTTP, PL_ENROL_FAILED for what is no URL. */
function enrolUrl(text: string): URL {
  if (!URL.canParse(text)) throw new DeviceError('PL_ENROL_FAILED', `not a URL: ${text}`)
  const base = new URL(text)
  if (base.protocol !== 'https:' && base.protocol !== 'http:') {
    throw new DeviceError('PL_ENROL_FAILED', `not an HTTP URL: ${text}`)
  }
  if (base.protocol === 'http:' && !isLoopback(base.hostname)) throw new DeviceError('PL_PLAIN_HTTP', base.host)
  base.pathname = `${base.pathname.replace(/\/+$/, '')}/v1/devices`
  base.search = ''
  base.hash = ''
  return base
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

async function post(fetchIt: typeof fetch, url: URL, body: string): Promise<unknown> {
  let response: Response
  let text: string
  try {
    response = await fetchIt(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json, application/problem+json' },
      body,
      redirect: 'error', // a redirect could lead to plain HTTP
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    text = await response.text()
  } catch (error) {
    throw new DeviceError('PL_ENROL_FAILED', `${url.host} cannot be reached: ${causeOf(error)}`)
  }
  const answer = text.length <= ANSWER_BYTES_MAX ? parsed(text) : null
  if (response.status !== 201) throw new DeviceError('PL_ENROL_FAILED', problemOf(answer, response.status))
  return answer
}

function readAnswer(answer: unknown): Pick<Credentials, 'deviceId' | 'psk' | 'serverKeys' | 'endpoints'> {
  const { deviceId, psk, serverKeys, endpoints } = record(answer)
  const keys = Array.isArray(serverKeys) ? serverKeys.map(keyOf) : []
  const pskBytes = keyOf(psk)
  const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''
  const hasEndpoints = Array.isArray(endpoints) && endpoints.length > 0 && endpoints.every(isText)
  if (!isText(deviceId) || pskBytes === null || keys.length === 0 || keys.includes(null) || !hasEndpoints) {
    throw new DeviceError('PL_ENROL_FAILED', 'the answer of the server cannot be read; is this a Pilotlight server?')
  }
  return { deviceId, psk: pskBytes, serverKeys: keys as Uint8Array[], endpoints: endpoints as string[] }
}

function keyOf(value: unknown): Uint8Array | null {
  const bytes = typeof value === 'string' ? fromBase64url(value) : null
  return bytes?.length === KEY_BYTES ? bytes : null
}

/** What a problem document (RFC 9457) says, or the status. */
function problemOf(answer: unknown, status: number): string {
  const { title, detail } = record(answer)
  const words = [title, detail].filter((word) => typeof word === 'string' && word !== '').join(': ')
  return words === '' ? `the server answered ${status}` : `${words} (${status})`
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

/** `fetch` hides why behind "fetch failed". */
function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown error'
  return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message
}
