/** A worker of the channel: an endpoint with a share of the slots, the loop around it, and sockets to send from. */
import { ADDRESS_BYTES } from '../base/address.js'
import { isConnectionAddress } from '../base/connection-address.js'
import { readBatch } from '../base/datagram-pipe.js'
import type { Crypto } from '../crypto/crypto.js'
import type { Endpoint } from '../endpoint/endpoint.js'
import type { EndpointCommand, EndpointStoreRequest } from '../endpoint/message.js'
import type { DevicePart } from '../store/parts.js'
import { isWriteBehind } from '../store/write-behind.js'
import { Driver } from './driver.js'
import { type LoadedSessions, loadSessions, newEndpoint } from './endpoints.js'
import { watchLoop } from './loop-delay.js'
import { clockOf } from './system-clock.js'
import { systemRandom } from './system-random.js'
import { openUdpSockets, type UdpSockets } from './udp-socket.js'
import type { FromWorker, News, Question, ToWorker, WorkerInput } from './worker-message.js'

/** What nobody waits for goes to the main thread after so long, ms, as each message wakes it. */
const LATER_MS = 20
/** Datagrams taken that the main thread is told of at once: far fewer than it lets wait. */
const TAKEN_MAX = 256
/**
 * Datagrams of one turn of the event loop that say that this thread is behind: the main thread posts every 2 ms, and
 * as many come together only when the turns before took longer.
 */
const FULL_TURN = 512

/** Where a worker's messages go. */
export interface WorkerParts {
  post(message: FromWorker): void
  /** nothing more comes */
  ended(): void
}

/** See above. The main thread is its hub, its store and its WebSockets. */
export class EndpointWorker {
  readonly #parts: WorkerParts
  readonly #index: number
  readonly #endpoint: Endpoint
  readonly #driver: Driver
  readonly #loop = watchLoop()
  #udp: UdpSockets | null = null
  /** whether datagrams for any address of UDP can leave from here */
  #isOneSocketEach = false
  #news = noNews()
  #isUrgent = false
  #laterTimer: NodeJS.Timeout | null = null

  constructor(crypto: Crypto, { settings, share, mainStartMs }: WorkerInput, parts: WorkerParts) {
    const now = clockOf(mainStartMs)
    this.#parts = parts
    this.#index = share.index
    this.#endpoint = newEndpoint(crypto, systemRandom(), { ...settings, share }, now())
    this.#driver = new Driver({
      endpoint: this.#endpoint,
      hub: this.#hub(),
      store: {
        endpoint: (request) => this.#store(request),
        hub: () => Promise.resolve(null),
      },
      now,
      fullTurn: FULL_TURN,
      send: (bytes, remote) => this.#send(bytes, remote),
      close: (remote) => void this.#urgent().closes.push(remote),
      handOver: (handOver) => void this.#urgent().handOvers.push(handOver),
      reply: () => {},
      want: (part) => void this.#urgent().wanted.push(part),
      onStoreError: () => {},
    })
  }

  /** Takes a message of the main thread. */
  take(message: ToWorker): void {
    switch (message.kind) {
      case 'datagrams':
        this.#news.taken += readBatch(message.batch, ADDRESS_BYTES, (remote, bytes) =>
          this.#driver.datagram(bytes, remote),
        )
        if (this.#news.taken >= TAKEN_MAX) this.#urgent()
        break
      case 'command':
        this.#driver.command(message.command)
        break
      case 'stored':
        this.#driver.stored(message.reply)
        break
      case 'path-closed':
        this.#driver.pathClosed(message.remote)
        break
      case 'hand-over':
        this.#driver.handOver(message.handOver)
        break
      case 'ask':
        void this.#answer(message.id, message.question)
        break
    }
  }

  async #answer(id: number, question: Question): Promise<void> {
    let value: unknown = null
    let failed: string | null = null
    try {
      value = await this.#answerOf(question)
    } catch (error) {
      failed = error instanceof Error ? error.message : String(error)
    }
    this.#flush()
    this.#parts.post({ kind: 'answer', id, value, failed })
    if (question.kind === 'stop') this.#parts.ended()
  }

  async #answerOf(question: Question): Promise<unknown> {
    switch (question.kind) {
      case 'load':
        return this.#load(question.part)
      case 'open-udp':
        return await this.#openUdp(question.options)
      case 'silence':
        return this.#endpoint.silenceS(question.device)
      case 'numbers':
        return {
          worker: this.#index,
          endpoint: this.#endpoint.metrics(),
          udp: this.#udp?.counts ?? null,
          loopDelay: this.#loop.delay.counted,
        }
      case 'stop':
        return await this.#stop()
    }
  }

  #load(part: DevicePart): LoadedSessions {
    let sessions: LoadedSessions = { loaded: 0, unreadable: 0 }
    this.#driver.load((now) => {
      sessions = loadSessions(this.#endpoint, part, now)
    })
    return sessions
  }

  async #openUdp(options: Extract<Question, { kind: 'open-udp' }>['options']): Promise<null> {
    const isIpv6 = options.hosts.map((host) => host.includes(':'))
    this.#isOneSocketEach = new Set(isIpv6).size === isIpv6.length
    this.#udp = await openUdpSockets({
      ...options,
      onDatagram: (bytes, remote) =>
        void this.#urgent().strays.push({ bytes: new Uint8Array(bytes), remote: remote.slice() }),
    })
    this.#driver.start()
    return null
  }

  /** What is under way in the store is answered to nobody: the main thread waits until it is written. */
  async #stop(): Promise<null> {
    this.#udp?.pause()
    this.#loop.stop()
    await this.#driver.stop()
    await this.#udp?.close()
    return null
  }

  /** The hub is in the main thread. */
  #hub() {
    return {
      handleEvent: (event: News['events'][number]) => void this.#urgent().events.push(event),
      handleRequest: () => {},
      handleStored: () => {},
      handleTimeout: () => {},
      nextTimeout: () => Number.POSITIVE_INFINITY,
      pollCommand: (): EndpointCommand | null => null,
      pollReply: () => null,
      pollStore: () => null,
      pollWanted: () => null,
    }
  }

  /** Replies come back as a message. */
  #store(request: EndpointStoreRequest): Promise<null> {
    if (isWriteBehind(request)) this.#later().requests.push(request)
    else this.#urgent().requests.push(request)
    return Promise.resolve(null)
  }

  /**
   * Which of several sockets of a family a remote was heard at, and on which link an address of one link is, only the
   * thread that receives knows.
   */
  #send(bytes: Uint8Array, remote: Uint8Array): void {
    const isOurs = this.#isOneSocketEach && !isConnectionAddress(remote) && !isLinkLocal(remote)
    if (isOurs) this.#udp?.send(bytes, remote)
    else this.#urgent().transmits.push({ bytes: new Uint8Array(bytes), remote: remote.slice() })
  }

  /** What is put in there leaves at the end of this turn. */
  #urgent(): News {
    if (!this.#isUrgent) {
      this.#isUrgent = true
      queueMicrotask(() => this.#flush())
    }
    return this.#news
  }

  /** What is put in there leaves with the next that is urgent, or after a while. */
  #later(): News {
    this.#laterTimer ??= setTimeout(() => this.#flush(), LATER_MS)
    return this.#news
  }

  #flush(): void {
    if (this.#laterTimer !== null) clearTimeout(this.#laterTimer)
    this.#laterTimer = null
    this.#isUrgent = false
    const news = this.#news
    this.#news = noNews()
    this.#parts.post({ kind: 'news', news })
  }
}

function noNews(): News {
  return { events: [], requests: [], transmits: [], closes: [], handOvers: [], wanted: [], strays: [], taken: 0 }
}

/** fe80::/10 */
function isLinkLocal(remote: Uint8Array): boolean {
  return remote[0] === 0xfe && ((remote[1] as number) & 0xc0) === 0x80
}
