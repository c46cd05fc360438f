/** Looks over the shoulder of a server: its session records, what came, what left. Changes nothing. */
import type { Now } from '../base/time.js'
import { slotOf, workerOf } from '../endpoint/device-handle.js'
import type { DeviceHandle, EndpointEvent } from '../endpoint/message.js'
import { CidCodec, type CidParts } from '../packet/connection-id.js'
import { CID_OFFSET } from '../packet/header.js'
import { Offset } from '../session/record.js'
import { SessionSlab } from '../session/slab.js'
import type { SessionView } from '../session/view.js'
import type { AnswerMeter } from './answer-meter.js'
import type { ContactModel } from './contact-model.js'

const CHANNEL_BYTES_MIN = 22

export class ServerWatch {
  readonly contact: ContactModel
  readonly #meter: AnswerMeter
  readonly #cids: CidCodec
  readonly #cid: CidParts = { node: 0, slot: 0, rotation: 0 }
  /** records of each worker, at the slots that a device has */
  #views: SessionView[] = []
  #handles = new Map<string, DeviceHandle>()
  /** proven addresses by device, and how many devices each has */
  #provenOf = new Map<DeviceHandle, string>()
  #proven = new Map<string, number>()
  /** was proven until the call that is under way */
  #justLeft = ''

  constructor(contact: ContactModel, meter: AnswerMeter, cidKey: Uint8Array) {
    this.contact = contact
    this.#meter = meter
    this.#cids = new CidCodec(cidKey)
  }

  /** A server starts. @returns a slab for each worker. */
  start(workers: number, slots: number): SessionSlab[] {
    const slabs = Array.from({ length: workers }, () => new SessionSlab('server', slots))
    this.#views = slabs.map((slab) => slab.view())
    this.#provenOf = new Map()
    this.#proven = new Map()
    this.contact.reset()
    return slabs
  }

  /** A device is loaded, or a commit of its session is done. */
  look(device: DeviceHandle, now: Now): void {
    this.#handles.set(`${workerOf(device)}/${slotOf(device)}`, device)
    const view = (this.#views[workerOf(device)] as SessionView).at(slotOf(device))
    this.contact.noted(device, view, now.monotonicMs)
    const address = view.inUse ? view.read(Offset.address, new Uint8Array(18)).join('.') : ''
    const before = this.#provenOf.get(device) ?? ''
    this.#justLeft = before
    if (address === before) return
    this.#count(before, -1)
    this.#count(address, 1)
    this.#provenOf.set(device, address)
  }

  /** A datagram is about to be handled. */
  came(bytes: Uint8Array, remote: Uint8Array): void {
    this.#justLeft = ''
    this.#meter.came(remote.join('.'), bytes)
  }

  /** A datagram was handled. */
  handled(bytes: Uint8Array, worker: number, now: Now): void {
    if (bytes.length < CHANNEL_BYTES_MIN || ((bytes[0] as number) & 0x80) === 0) return
    this.#cids.parse(bytes, CID_OFFSET, this.#cid)
    const device = this.#handles.get(`${worker}/${this.#cid.slot}`)
    if (this.#cid.node === worker && device !== undefined) this.look(device, now)
  }

  /** A datagram leaves. */
  left(bytes: Uint8Array, remote: Uint8Array): void {
    const address = remote.join('.')
    this.#meter.left(address, bytes, this.#proven.has(address) || address === this.#justLeft)
  }

  /** An event for the hub. */
  handleEvent(event: EndpointEvent, now: Now): void {
    this.contact.handleEvent(event, now.monotonicMs)
  }

  #count(address: string, by: number): void {
    if (address === '') return
    const count = (this.#proven.get(address) ?? 0) + by
    if (count === 0) this.#proven.delete(address)
    else this.#proven.set(address, count)
  }
}
