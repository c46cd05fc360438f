/** Does a domain name an application? Asked when the developer says so, once; nothing is fetched by itself. */
import dns from 'node:dns/promises'
import { request } from 'node:https'
import { isIP } from 'node:net'
import { isPublicAddress } from '../../webhook/public-address.js'

/** Where a domain says whose it is. */
export const WELL_KNOWN = '/.well-known/pilotlight-app.json'

/** Most bytes that are read. */
const BYTES_MAX = 16_384

/** For the look-up, the connection and the answer together. */
const TIMEOUT_MS = 10_000

/** Whether a text is a host name with at least one dot, or (for a check of private addresses) any host name. */
export function isDomain(text: string): boolean {
  return (
    text.length <= 253 && /^(?!-)[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*(?::[0-9]{1,5})?$/.test(text) && isIP(text) === 0
  )
}

/**
 * Looks at the file and at the DNS records of a domain.
 *
 * @param domain       host name; with a port only if private addresses are allowed.
 * @param appId        `app_...`.
 * @param allowPrivate whether private addresses are asked too, and by plain http: for tests and closed networks.
 * @returns null if one of them names the application, else what is missing.
 */
export async function checkDomain(domain: string, appId: string, allowPrivate: boolean): Promise<string | null> {
  const [file, records] = await Promise.all([
    fileNames(domain, appId, allowPrivate).catch((error: unknown) => faultOf(error)),
    recordNames(domain, appId).catch(() => 'no such record'),
  ])
  if (file === null || records === null) return null
  return `${WELL_KNOWN}: ${file}; TXT of _pilotlight: ${records}.`
}

async function recordNames(domain: string, appId: string): Promise<string | null> {
  const records = await within(dns.resolveTxt(`_pilotlight.${domain.split(':')[0]}`))
  return records.some((parts) => parts.join('').trim() === appId) ? null : 'does not name the application'
}

/** Resolves once and connects to that address only: no answer of another look-up can lead elsewhere. */
async function fileNames(domain: string, appId: string, allowPrivate: boolean): Promise<string | null> {
  const [host = '', port = ''] = domain.split(':')
  if (port !== '' && !allowPrivate) return 'a port is not allowed'
  const addresses = await within(dns.lookup(host, { all: true }))
  const found = addresses.find(({ address }) => allowPrivate || isPublicAddress(address))
  if (found === undefined) return 'the address is private'
  const text = await read({ host, port, address: found.address, family: found.family, plain: allowPrivate })
  const parsed: unknown = JSON.parse(text)
  const apps = typeof parsed === 'object' && parsed !== null ? (parsed as { apps?: unknown }).apps : null
  return Array.isArray(apps) && apps.includes(appId) ? null : 'does not name the application'
}

interface Place {
  host: string
  port: string
  address: string
  family: number
  /** plain http */
  plain: boolean
}

async function read({ host, port, address, family, plain }: Place): Promise<string> {
  const send = plain ? (await import('node:http')).request : request
  return new Promise((done, fail) => {
    const asked = send(
      {
        host,
        port: port === '' ? undefined : Number(port),
        path: WELL_KNOWN,
        headers: { accept: 'application/json', 'user-agent': 'pilotlight' },
        lookup: (_name, options, callback) => {
          // Node asks for one address or for all of them, as it likes.
          if (options.all === true) callback(null, [{ address, family }])
          else callback(null, address, family)
        },
        signal: AbortSignal.timeout(TIMEOUT_MS),
        agent: false,
      },
      (answer) => {
        const chunks: Buffer[] = []
        let bytes = 0
        answer.on('data', (chunk: Buffer) => {
          bytes += chunk.length
          if (bytes > BYTES_MAX) answer.destroy(new Error('too long'))
          else chunks.push(chunk)
        })
        answer.on('error', fail)
        // No redirect is followed: it would let the domain point at somebody else's file.
        answer.on('end', () => {
          if (answer.statusCode === 200) done(Buffer.concat(chunks).toString('utf8'))
          else fail(new Error(`status ${answer.statusCode}`))
        })
      },
    )
    asked.on('error', fail)
    asked.end()
  })
}

async function within<Result>(asked: Promise<Result>): Promise<Result> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new Error('no answer in time')), TIMEOUT_MS)
  })
  try {
    return await Promise.race([asked, late])
  } finally {
    clearTimeout(timer)
  }
}

/** Says no more than the developer needs: not what a host inside our network answers. */
function faultOf(error: unknown): string {
  if (error instanceof SyntaxError) return 'is not JSON'
  const { message } = error as Error
  return /^(status \d+|too long|no answer in time)$/.test(message) ? message : 'could not be read'
}
