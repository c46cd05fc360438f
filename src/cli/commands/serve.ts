/** `pilotlight serve`: the server, until it is told to end. */
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { ENDPOINTS_MAX } from '../../endpoint/config.js'
import { LOG_LEVELS } from '../../io/log.js'
import type { Server, ServerOptions } from '../../io/server.js'
import type { OidcProvider } from '../../sidecar/options.js'
import { KEY_FILE } from '../admin.js'
import { cliError, usageError } from '../cli-error.js'
import { command } from '../command.js'
import { isHttpUrl, list, oneOf, onOff, text, wholeNumber } from '../option.js'
import type { Terminal } from '../terminal.js'
import { PACKAGE_VERSION } from '../version.js'

/** wire-spec §7.1: no device promises more. */
const SILENCE_MAX_S = 1800

const PORTS = { from: 0, to: 65535 }

const KIB = 1024
/** Linux keeps twice the bytes in 32 bits with a sign. */
const BUFFER_KIB = { from: 4, to: KIB * KIB - 1 }

const OPTIONS = {
  data: text('FOLDER', 'folder of database and keys; made if there is none', './var'),
  keyFile: KEY_FILE,
  newDatabase: onOff('make a database although there is a key file of one: once, after a loss'),
  udpPort: wholeNumber('PORT', 'UDP port of the device channel, 0 takes a free one', PORTS, 7350),
  udpReceiveBuffer: wholeNumber(
    'KIB',
    'buffer of datagrams that wait to be read; Linux gives net.core.rmem_max at most',
    BUFFER_KIB,
    4096,
  ),
  udpSendBuffer: wholeNumber(
    'KIB',
    'buffer of datagrams that wait to be sent; Linux gives net.core.wmem_max at most',
    BUFFER_KIB,
    4096,
  ),
  httpPort: wholeNumber('PORT', 'TCP port of HTTP, 0 takes a free one', PORTS, 7351),
  host: list('ADDRESS', 'address to listen on', 'all of IPv4 and IPv6'),
  tlsCert: text('FILE', 'PEM certificate chain for HTTPS; without, devices enrol on loopback only'),
  tlsKey: text('FILE', 'PEM key of the certificate'),
  publicUrl: text(
    'URL',
    'where others reach this server; told to devices too: its host for UDP, all of it for WebSocket',
  ),
  udpEndpoint: list('udp://HOST:PORT', 'where devices reach the channel', 'from --public-url or --host'),
  trustedProxies: list('ADDRESS', 'address or network (CIDR) whose X-Forwarded-* headers are believed', 'none'),
  connectionsPerAddress: wholeNumber(
    'N',
    'HTTP connections of one address (IPv6: one /64), WebSockets of devices too; behind a trusted proxy, requests at a time',
    { from: 1, to: 1_000_000 },
    512,
  ),
  workers: wholeNumber(
    'N',
    'threads that handle the channel, of one core each; 1 is the main thread alone (docs/operations.md)',
    { from: 1, to: ENDPOINTS_MAX },
    1,
  ),
  crypto: oneOf(['native', 'noble'], 'primitives: node:crypto and libsodium, or portable JavaScript', 'native'),
  maxSilence: wholeNumber(
    'S',
    'longest silence that a device may promise',
    { from: 15, to: SILENCE_MAX_S },
    SILENCE_MAX_S,
  ),
  verifiedDomains: oneOf(
    ['auto', 'on', 'off'],
    'whether an application needs a verified domain to ask people for consent; auto: with --public-url',
    'auto',
  ),
  oidcIssuer: text(
    'URL',
    'let people sign in at this OpenID Connect provider; its callback is PUBLIC-URL/sign-in/callback',
  ),
  oidcClient: text('ID', 'client id of this server at the provider'),
  oidcSecretFile: text('FILE', 'file with the client secret'),
  privateDomains: onOff('verify domains with private addresses too, by plain HTTP: for closed networks'),
  webhooksToPrivate: onOff('let webhooks go to private addresses and over plain HTTP, e.g. on your own machine'),
  qlog: text('DIR', 'for researchers: write a qlog of everything on the channel there, see docs/qlog.md'),
  keylog: text('FILE', 'for researchers: append the keys of the channel; who has them reads all that is sent'),
  logLevel: oneOf(LOG_LEVELS, 'least level of the JSON log lines on stderr', 'info'),
}

/** The command. */
export const SERVE = command({
  name: 'serve',
  summary: 'run the server',
  details: [
    'Devices that UDP does not reach use /v1/channel on the HTTP port, a WebSocket.',
    'Prints one line when it is ready. SIGTERM or SIGINT end it in order: sessions and rings are on disk, no device notices.',
    'One server may use a folder. Operators speak with it through pilotlight.sock in that folder.',
  ].join('\n'),
  options: OPTIONS,
  async run(values, _positionals, terminal) {
    const { startServer } = await import('../../io/server.js') // other commands start without it
    const server = await startServer(serverOptions(values))
    const end = toldToEnd() // before it says that it is ready: who reads that may end it at once
    printReady(server, terminal)
    await end
    await server.stop()
  },
})

function serverOptions(
  values: {
    [Name in keyof typeof OPTIONS]: (typeof OPTIONS)[Name]['fallback']
  },
): ServerOptions {
  const { publicUrl } = values
  if (publicUrl !== '' && !isHttpUrl(publicUrl)) throw usageError(`--public-url: "${publicUrl}" is no HTTP URL`)
  return {
    folder: resolve(values.data),
    keyFile: values.keyFile === '' ? null : resolve(values.keyFile),
    newDatabase: values.newDatabase,
    udpPort: values.udpPort,
    udpBufferBytes: { receive: values.udpReceiveBuffer * KIB, send: values.udpSendBuffer * KIB },
    httpPort: values.httpPort,
    hosts: values.host,
    tls: tlsOf(values.tlsCert, values.tlsKey),
    publicUrl: publicUrl === '' ? null : publicUrl,
    endpoints: values.udpEndpoint.map(checkEndpoint),
    trustedProxies: values.trustedProxies,
    connectionsPerAddress: values.connectionsPerAddress,
    workers: values.workers,
    crypto: values.crypto,
    verifiedDomains: values.verifiedDomains === 'auto' ? publicUrl !== '' : values.verifiedDomains === 'on',
    privateDomains: values.privateDomains,
    oidc: oidcOf(values.oidcIssuer, values.oidcClient, values.oidcSecretFile),
    silenceMaxS: values.maxSilence,
    webhooksToPrivate: values.webhooksToPrivate,
    logLevel: values.logLevel,
    qlog: values.qlog === '' ? null : resolve(values.qlog),
    keyLog: values.keylog === '' ? null : resolve(values.keylog),
    version: PACKAGE_VERSION,
  }
}

function checkEndpoint(endpoint: string): string {
  const port = /^udp:\/\/(?:\[[0-9A-Fa-f:.]+\]|[^\s:/[\]]+):([0-9]{1,5})$/.exec(endpoint)?.[1]
  if (port !== undefined && Number(port) > 0 && Number(port) <= PORTS.to) return endpoint
  throw usageError(`--udp-endpoint: "${endpoint}" is not like udp://HOST:PORT`)
}

function tlsOf(certFile: string, keyFile: string): { cert: string; key: string } | null {
  if (certFile === '' && keyFile === '') return null
  if (certFile === '' || keyFile === '') throw usageError('--tls-cert and --tls-key go together')
  return { cert: readPem(certFile), key: readPem(keyFile) }
}

function oidcOf(issuer: string, clientId: string, secretFile: string): OidcProvider | null {
  if (issuer === '' && clientId === '' && secretFile === '') return null
  if (issuer === '' || clientId === '' || secretFile === '') {
    throw usageError('--oidc-issuer, --oidc-client and --oidc-secret-file go together')
  }
  const isLoopback = /^http:\/\/(localhost|127\.0\.0\.1|\[::1\])[:/]/.test(`${issuer}/`)
  if (!isHttpUrl(issuer) || (!issuer.startsWith('https:') && !isLoopback)) {
    throw usageError(`--oidc-issuer: "${issuer}" is no https URL`)
  }
  return { issuer, clientId, clientSecret: readFile(secretFile, 'Give a file with the secret.').trim() }
}

function readPem(file: string): string {
  return readFile(file, 'Give PEM files with --tls-cert and --tls-key.')
}

function readFile(file: string, hint: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'error'
    throw cliError('PL_USAGE', `the file ${file} cannot be read (${reason})`, hint)
  }
}

function printReady(server: Server, terminal: Terminal): void {
  const { udp, http, admin, publicKey } = server
  terminal.result(
    { ready: true, udp, http, admin, publicKey },
    `pilotlight is ready: UDP ${udp.join(', ')}; HTTP ${http.join(', ')}; operators ${admin}`,
  )
}

function toldToEnd(): Promise<void> {
  return new Promise((done) => {
    process.once('SIGTERM', () => done())
    process.once('SIGINT', () => done())
  })
}
