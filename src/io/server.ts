/**
 * The server as one thing: store, pure core, sockets, sidecar, operators' socket. Each is opened after what it needs and
 * closed in the opposite order.
 */
import { join } from 'node:path'
import { isConnectionAddress } from '../base/connection-address.js'
import type { Crypto } from '../crypto/crypto.js'
import { nobleCrypto } from '../crypto/noble.js'
import type { HubRequest } from '../hub/message.js'
import { nativeCrypto } from '../native/crypto-native.js'
import type { MetricSample } from '../sidecar/message.js'
import type { OidcProvider } from '../sidecar/options.js'
import type { SupervisedSidecar } from '../sidecar/supervise.js'
import { openStore } from '../store/open.js'
import type { Boot, ServerKeys, Store } from '../store/store.js'
import { openTrace, type Trace } from '../trace/open.js'
import { type AdminParts, adminMethods } from './admin-methods.js'
import { ADMIN_SOCKET, serveCalls } from './call-socket.js'
import { ChannelDesk } from './channel-desk.js'
import { type Core, loadCore } from './core.js'
import { DeviceLoader } from './device-loader.js'
import { Driver } from './driver.js'
import { deviceEndpoints, resolveHosts } from './hosts.js'
import { type Log, type LogLevel, serverLog } from './log.js'
import { watchLoop } from './loop-delay.js'
import { metricSamples } from './metrics.js'
import { SandboxDesk } from './sandbox-desk.js'
import { ServerError } from './server-error.js'
import { openSidecar, SidecarDesk } from './sidecar-desk.js'
import { StoreWatch } from './store-watch.js'
import { systemNow } from './system-clock.js'
import { systemRandom } from './system-random.js'
import { udpDrops } from './udp-drops.js'
import { type BufferBytes, bufferWarnings, hostPort, type UdpSockets } from './udp-socket.js'
import type { UnixListener } from './unix-socket.js'
import { WebhookDesk } from './webhook-desk.js'

/** How a server is set up; every value is given, defaults are the caller's. */
export interface ServerOptions {
  /** database and keys; made if there is none */
  folder: string
  /** keys elsewhere than in the folder, or null */
  keyFile: string | null
  /** makes a database where there is none but a key file */
  newDatabase: boolean
  /** addresses or names; none are all of IPv4 and IPv6 */
  hosts: string[]
  /** 0 takes a free one */
  udpPort: number
  /** buffers of the UDP sockets, asked of the kernel */
  udpBufferBytes: BufferBytes
  /** 0 takes a free one */
  httpPort: number
  /** PEM texts, or null for plain HTTP */
  tls: { cert: string; key: string } | null
  publicUrl: string | null
  /** `udp://HOST:PORT` told to devices; none: from `publicUrl` or `hosts` */
  endpoints: string[]
  /** addresses or networks (CIDR) */
  trustedProxies: string[]
  /** HTTP connections of one address */
  connectionsPerAddress: number
  crypto: 'native' | 'noble'
  /** threads of the channel, 1..64; 1 is none but the main thread. More than one write no qlog and key log */
  workers: number
  /** whether applications need a verified domain to ask strangers for consent */
  verifiedDomains: boolean
  /** whether domains with private addresses are asked, by plain http */
  privateDomains: boolean
  /** where people sign in by OpenID Connect; default: nowhere */
  oidc?: OidcProvider | null
  /** longest silence that a device may promise, 15..1800 s */
  silenceMaxS: number
  /** webhooks may go to private addresses and over plain HTTP */
  webhooksToPrivate: boolean
  logLevel: LogLevel
  /** folder of qlog files, or null */
  qlog: string | null
  /** file of the key log, or null */
  keyLog: string | null
  /** of this package */
  version: string
}

/** A server that runs. */
export interface Server {
  /** addresses of the channel, e.g. `0.0.0.0:7350` */
  udp: string[]
  udpPort: number
  /** URLs of HTTP */
  http: string[]
  httpPort: number
  /** path of the operators' socket */
  admin: string
  /** base64url of the current static key */
  publicKey: string
  /** Takes nothing new, finishes what is under way, closes; everything confirmed is on disk. */
  stop(): Promise<void>
}

/**
 * Starts a server.
 *
 * @throws ServerError PL_PORT_TAKEN, PL_PORT_FORBIDDEN, PL_ADDRESS_UNAVAILABLE, PL_BAD_TLS, PL_SOCKET_PATH,
 *   PL_START_FAILED, PL_BAD_ARGUMENT; PilotlightError of the store, e.g. PL_STORE_BUSY.
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { workers, qlog, keyLog, version } = options
  if (workers > 1 && (qlog !== null || keyLog !== null)) {
    throw new ServerError('PL_BAD_ARGUMENT', 'a qlog or key log can be written with one worker only')
  }
  const log = serverLog(options.logLevel)
  const hosts = await resolveHosts(options.hosts)
  const crypto = options.crypto === 'noble' ? nobleCrypto : await nativeCrypto()
  const warn = (text: string) => log.warn(text)
  const trace = openTrace({ qlog, keyLog, vantage: 'server', version, now: systemNow, warn })
  const watch = new StoreWatch(log)
  const { folder, keyFile, newDatabase } = options
  const store = await openStore({
    folder,
    ...(keyFile !== null && { keyFile }),
    crypto: options.crypto,
    newDatabase,
    onNotice: (notice) => watch.take(notice),
  }).catch(closing(trace))
  const house = await newHouse({ options, log, hosts, crypto, store, watch, trace }).catch(async (error: unknown) => {
    await store.close()
    await trace.close()
    throw error
  })
  try {
    await house.open()
  } catch (error) {
    await house.close()
    throw error
  }
  return house.server()
}

/** What everything in the house is made of. */
interface HouseParts {
  options: ServerOptions
  log: Log
  /** IP addresses */
  hosts: string[]
  crypto: Crypto
  store: Store
  watch: StoreWatch
  trace: Trace
}

/** A start that failed leaves no file open. */
function closing(trace: Trace): (error: unknown) => Promise<never> {
  return async (error) => {
    await trace.close()
    throw error
  }
}

async function newHouse(parts: HouseParts): Promise<House> {
  const { options, store, crypto, trace } = parts
  const boot = await store.boot(Date.now())
  const { silenceMaxS, workers, crypto: workerCrypto } = options
  const { observer } = trace
  const core = await loadCore({ boot, store, crypto, silenceMaxS, now: systemNow(), observer, workers, workerCrypto })
  return new House(parts, boot, core)
}

/** All parts of a server, and who tells whom. */
class House {
  readonly #parts: HouseParts
  readonly #startedMs = Date.now()
  /** as in the key file; those in use are the core's, which change with a restart */
  #keys: ServerKeys
  readonly #core: Core
  readonly #driver: Driver
  readonly #loader: DeviceLoader
  readonly #desk: SidecarDesk
  readonly #channels: ChannelDesk
  readonly #sandbox: SandboxDesk
  readonly #webhooks: WebhookDesk
  readonly #loop = watchLoop()
  #admin: UnixListener | null = null
  #sidecar: SupervisedSidecar | null = null
  #udp: UdpSockets | null = null
  #storeErrors = 0

  constructor(parts: HouseParts, boot: Boot, core: Core) {
    const { options, crypto, store, log, watch } = parts
    this.#parts = parts
    this.#keys = boot.keys
    this.#core = core
    const { endpoints, hub } = core
    this.#channels = new ChannelDesk({
      crypto,
      random: systemRandom(),
      onDatagram: (bytes, remote) => this.#driver.datagram(bytes, remote),
      onClosed: (remote) => this.#driver.pathClosed(remote),
    })
    this.#sandbox = new SandboxDesk(this.#core.hubOptions, (reply) => this.#desk.reply(reply))
    this.#desk = new SidecarDesk({
      store,
      log,
      tellHub: (request) => this.#tellHub(request),
      webhook: (app, ask) => this.#webhooks.ask(app, ask),
      serverKeys: () => this.#core.statics.map(({ publicKey }) => publicKey),
      endpoints: (address) => this.#endpointsFor(address),
      samples: (numbers) => this.#samples(numbers),
      channels: this.#channels,
      silenceS: (device) => endpoints.silenceS(device),
      sandbox: this.#sandbox,
      storeProblem: () => watch.problem,
    })
    watch.onState = () => this.#desk.tellStore()
    endpoints.onNews = () => this.#driver.start()
    this.#driver = new Driver({
      endpoint: endpoints.doors,
      hub,
      store,
      now: systemNow,
      send: (bytes, remote) => {
        if (isConnectionAddress(remote)) this.#channels.send(bytes, remote)
        else this.#udp?.send(bytes, remote)
      },
      close: (remote) => this.#channels.close(remote),
      handOver: (handOver) => this.#driver.handOver(handOver),
      reply: (reply) => ('app' in reply ? this.#webhooks.takeNews(reply) : this.#desk.reply(reply)),
      want: (part) => this.#loader.want(part),
      onStoreError: (kind, error) => this.#storeFailed(kind, error),
    })
    this.#loader = new DeviceLoader({
      core,
      store,
      input: (load) => this.#driver.load(load),
      onError: (error) => this.#storeFailed('devices', error),
    })
    const { webhooksToPrivate: mayBePrivate, version } = options
    const tellHub = (request: HubRequest) => this.#driver.request(request)
    const random = systemRandom()
    this.#webhooks = new WebhookDesk({ store, log, random, now: systemNow, tellHub, mayBePrivate, version }, boot)
  }

  /**
   * Operators' socket, HTTP, UDP: whoever listens on HTTP misses nothing of what the first datagrams bring. Sessions are
   * loaded meanwhile and go on to be: a device that pings before its own is here is served when it is, before the others.
   */
  async open(): Promise<void> {
    const { options, hosts, log } = this.#parts
    void this.#load()
    const { bootedMs } = this.#core
    this.#webhooks.start(bootedMs, bootedMs + options.silenceMaxS * 1000)
    this.#admin = await serveCalls(join(options.folder, ADMIN_SOCKET), () => adminMethods(this.#adminParts()))
    this.#sidecar = await openSidecar(
      {
        hosts,
        port: options.httpPort,
        tls: options.tls,
        publicUrl: options.publicUrl,
        trustedProxies: options.trustedProxies,
        connectionsPerAddress: options.connectionsPerAddress,
        logLevel: options.logLevel,
        version: options.version,
        bootedMs: this.#core.bootedMs,
        verifiedDomains: options.verifiedDomains,
        privateDomains: options.privateDomains,
        oidc: options.oidc ?? null,
      },
      this.#desk,
      log,
    )
    this.#udp = await this.#core.endpoints.openUdp({
      hosts,
      port: options.udpPort,
      bufferBytes: options.udpBufferBytes,
      onDatagram: (bytes, remote) => this.#driver.datagram(bytes, remote),
    })
    this.#driver.start()
    await this.#desk.serving
    const { bufferBytes: udpBufferBytes } = this.#udp
    const { ringsLoaded } = this.#core
    for (const { text, ...sizes } of bufferWarnings(options.udpBufferBytes, udpBufferBytes)) log.warn(sizes, text)
    const { workers } = options
    log.info({ crypto: this.#parts.crypto.name, workers, udpBufferBytes, ringsLoaded }, 'ready')
  }

  /** Takes nothing new, lets HTTP finish, waits for the store. */
  async close(): Promise<void> {
    this.#loop.stop()
    this.#udp?.pause()
    this.#desk.stopping()
    await this.#sidecar?.stop()
    await this.#admin?.close()
    await this.#sandbox.stop()
    await this.#webhooks.stop()
    await this.#loader.stop()
    await this.#core.endpoints.stop()
    await this.#driver.stop()
    await this.#udp?.close()
    await this.#parts.store.close()
    await this.#parts.trace.close()
  }

  /** The opened house for its owner. */
  server(): Server {
    const { options } = this.#parts
    const scheme = options.tls === null ? 'http' : 'https'
    const http = this.#sidecar?.addresses ?? []
    return {
      udp: this.#udp?.addresses ?? [],
      udpPort: this.#udp?.port ?? 0,
      http: http.map(({ address, port }) => `${scheme}://${hostPort(address, port)}`),
      httpPort: http[0]?.port ?? 0,
      admin: this.#admin?.file ?? '',
      publicKey: Buffer.from(this.#core.statics[0]?.publicKey ?? []).toString('base64url'),
      stop: async () => {
        await this.close()
        this.#parts.log.info('stopped')
      },
    }
  }

  async #load(): Promise<void> {
    await this.#loader.run()
    const { sessions, left } = this.#loader
    if (left === 0) this.#parts.log.info(sessions, 'all sessions are loaded')
  }

  #storeFailed(kind: string, error: unknown): void {
    this.#storeErrors++
    this.#parts.log.error({ err: error, kind }, 'the store failed a request')
  }

  #adminParts(): AdminParts {
    const { store, crypto } = this.#parts
    return {
      store,
      crypto,
      keys: () => this.#keys,
      running: {
        tellHub: (request) => this.#tellHub(request),
        webhook: (app, ask) => this.#webhooks.ask(app, ask),
        appsChanged: () => this.#desk.tellApps(),
        keysChanged: (keys) => {
          this.#keys = keys
        },
      },
    }
  }

  /** Requests of sidecar and operators; webhooks end with their application. */
  #tellHub(request: HubRequest): void {
    if (request.kind === 'app-removed') this.#webhooks.forget(request.app)
    this.#driver.request(request)
  }

  #endpointsFor(address: string): string[] {
    const { options, hosts } = this.#parts
    const { endpoints, publicUrl } = options
    const udpPort = this.#udp?.port ?? options.udpPort
    const httpPort = this.#sidecar?.addresses[0]?.port ?? options.httpPort
    return deviceEndpoints({ endpoints, publicUrl, hosts, udpPort, httpPort, isTls: options.tls !== null }, address)
  }

  async #samples(hub: Record<string, number>): Promise<MetricSample[]> {
    const udp = this.#udp
    if (udp === null) return []
    const [drops, endpoints] = await Promise.all([udpDrops(udp.port), this.#core.endpoints.numbers()])
    const core = metricSamples({
      endpoints,
      hub,
      udp: udp.counts,
      channels: this.#channels.counts,
      udpBuffers: { asked: this.#parts.options.udpBufferBytes, given: udp.bufferBytes },
      udpDrops: drops,
      loopDelay: this.#loop.delay.counted,
      storeErrors: this.#storeErrors,
      store: this.#parts.watch.numbers,
      sidecarRestarts: this.#sidecar?.restarts ?? 0,
      startedS: this.#startedMs / 1000,
      rssBytes: process.memoryUsage.rss(),
      traces: this.#parts.trace.isOn(),
    })
    return [...core, ...this.#webhooks.samples()]
  }
}
