/** Endpoints in threads of their own, each with a share of the slots, behind the doors of one. */
import { limitKey } from '../base/address.js'
import { Queue } from '../base/queue.js'
import { slotOf } from '../endpoint/device-handle.js'
import type {
  DeviceHandle,
  EndpointCommand,
  EndpointEvent,
  EndpointStoreReply,
  EndpointStoreRequest,
  HandOver,
  Transmit,
} from '../endpoint/message.js'
import { CidCodec, type CidParts } from '../packet/connection-id.js'
import { DATAGRAM_BYTES_MAX } from '../packet/constants.js'
import { CID_OFFSET, datagramKind } from '../packet/header.js'
import type { DevicePart } from '../store/parts.js'
import type { EndpointDoors } from './driver-parts.js'
import type { EndpointNumbers, EndpointSettings, Endpoints, LoadedSessions } from './endpoints.js'
import { threadStartMs } from './system-clock.js'
import { openUdpSockets, type UdpOptions, type UdpSockets } from './udp-socket.js'
import { WorkerLink } from './worker-link.js'
import type { News } from './worker-message.js'

/** How they are started. */
export interface WorkersPlan {
  /** 2..64 */
  count: number
  crypto: 'native' | 'noble'
  settings: EndpointSettings
}

/**
 * Reads connection IDs and gives each datagram to the worker whose share has its slot. What a worker has for hub, store
 * and WebSockets is polled here as from one endpoint. Numbers of store requests are told apart by their worker: the
 * worker's own number times the count of workers, plus its index.
 */
export class EndpointWorkers implements Endpoints, EndpointDoors {
  readonly doors = this
  onNews = (): void => {}
  readonly #links: readonly WorkerLink[]
  readonly #cids: CidCodec
  readonly #id: CidParts = { node: 0, slot: 0, rotation: 0 }
  readonly #events = new Queue<EndpointEvent>()
  readonly #requests = new Queue<EndpointStoreRequest>()
  readonly #transmits = new Queue<Transmit>()
  readonly #closes = new Queue<Uint8Array>()
  readonly #handOvers = new Queue<HandOver>()
  readonly #wanted = new Queue<number>()

  constructor({ count, crypto, settings }: WorkersPlan) {
    this.#cids = new CidCodec(settings.cidKey)
    const mainStartMs = threadStartMs()
    this.#links = Array.from({ length: count }, (_, index) => {
      const input = { settings, share: { index, of: count }, crypto, mainStartMs }
      return new WorkerLink(input, (news) => this.#take(index, news))
    })
  }

  // As all endpoints

  async load(part: DevicePart): Promise<LoadedSessions> {
    const all = await Promise.all(this.#links.map((link) => link.ask('load', { part })))
    return {
      loaded: all.reduce((sum, { loaded }) => sum + loaded, 0),
      unreadable: all.reduce((sum, { unreadable }) => sum + unreadable, 0),
    }
  }

  /**
   * All sockets share one port, so that answers leave from where datagrams come in. The kernel gives all datagrams to the
   * last ones that were bound: ours.
   */
  async openUdp(options: UdpOptions): Promise<UdpSockets> {
    // Sockets that share a port would join those of another server unseen.
    const alone = await openUdpSockets({ ...options, onDatagram: () => {} })
    const { port } = alone
    await alone.close()
    const { hosts, bufferBytes } = options
    for (const link of this.#links)
      await link.ask('open-udp', { options: { hosts, port, bufferBytes, isShared: true } })
    // What a datagram brings comes as news: the driver need not look after each.
    const onDatagram = (bytes: Uint8Array, remote: Uint8Array) => this.handleDatagram(bytes, remote)
    return await openUdpSockets({ ...options, port, isShared: true, onDatagram })
  }

  async silenceS(device: DeviceHandle): Promise<number> {
    return await this.#linkOf(slotOf(device)).ask('silence', { device })
  }

  async numbers(): Promise<EndpointNumbers[]> {
    return await Promise.all(
      this.#links.map(async (link) => ({ ...(await link.ask('numbers', {})), dropped: link.dropped })),
    )
  }

  async stop(): Promise<void> {
    await Promise.all(this.#links.map((link) => link.stop()))
  }

  // As one endpoint

  handleDatagram(bytes: Uint8Array, remote: Uint8Array): void {
    if (datagramKind(bytes, 'd2s') === 'channel') {
      this.#cids.parse(bytes, CID_OFFSET, this.#id)
      this.#linkOf(this.#id.slot).datagram(bytes, remote, false)
    } else {
      // Too long stays too long, and costs no more memory than others.
      this.#linkOfAddress(remote).datagram(bytes.subarray(0, DATAGRAM_BYTES_MAX + 1), remote, true)
    }
  }

  /** Workers do that themselves. */
  postpone(): boolean {
    return false
  }

  handlePostponed(): boolean {
    return false
  }

  handlePathClosed(remote: Uint8Array): void {
    for (const link of this.#links) link.tell({ kind: 'path-closed', remote: remote.slice() })
  }

  handleCommand(command: EndpointCommand): void {
    this.#linkOf(slotOf(command.device)).tell({ kind: 'command', command })
  }

  handleStored(reply: EndpointStoreReply): void {
    const count = this.#links.length
    const request = Math.floor(reply.request / count)
    this.#linkOf(reply.request).tell({ kind: 'stored', reply: { ...reply, request } })
  }

  handleHandOver(handOver: HandOver): void {
    this.#linkOf(slotOf(handOver.device.device)).tell({ kind: 'hand-over', handOver })
  }

  handleTimeout(): void {}

  nextTimeout(): number {
    return Number.POSITIVE_INFINITY
  }

  pollTransmit(): Transmit | null {
    return this.#transmits.shift()
  }

  pollEvent(): EndpointEvent | null {
    return this.#events.shift()
  }

  pollStore(): EndpointStoreRequest | null {
    return this.#requests.shift()
  }

  pollClose(): Uint8Array | null {
    return this.#closes.shift()
  }

  pollHandOver(): HandOver | null {
    return this.#handOvers.shift()
  }

  pollWanted(): number | null {
    return this.#wanted.shift()
  }

  #take(index: number, news: News): void {
    const count = this.#links.length
    for (const event of news.events) this.#events.push(event)
    for (const transmit of news.transmits) this.#transmits.push(transmit)
    for (const close of news.closes) this.#closes.push(close)
    for (const handOver of news.handOvers) this.#handOvers.push(handOver)
    for (const part of news.wanted) this.#wanted.push(part)
    for (const request of news.requests) {
      this.#requests.push('request' in request ? { ...request, request: request.request * count + index } : request)
    }
    for (const { bytes, remote } of news.strays) this.handleDatagram(bytes, remote)
    this.onNews()
  }

  #linkOf(slot: number): WorkerLink {
    return this.#links[slot % this.#links.length] as WorkerLink
  }

  /** Whose message 1 is, nobody knows yet. All of one address go to one worker, where its limit and its cookies are. */
  #linkOfAddress(remote: Uint8Array): WorkerLink {
    const key = limitKey(remote)
    let hash = 0
    for (let at = 0; at < key.length; at++) hash = (Math.imul(hash, 31) + key.charCodeAt(at)) >>> 0
    return this.#linkOf(hash)
  }
}
