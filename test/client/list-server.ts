/** The server's part of wire-spec §10 for a scripted server: holds one sealed list and shows what it was told. */
import { concat } from '../../src/base/bytes.js'
import { SeededRandom } from '../../src/base/seeded-random.js'
import type { DeviceFrame, ServerFrame } from '../../src/frame/frame.js'
import { splitList } from '../../src/frame/list-parts.js'
import { decodePersonList, EMPTY_LIST, encodePersonList, type PersonList } from '../../src/frame/person-list.js'
import { openList, sealList } from '../../src/frame/sealed-list.js'
import type { Rig } from './rig.js'
import type { Packet } from './scripted-server.js'

export class ListServer {
  readonly rig: Rig
  version = 0
  sealed: Uint8Array | null = null
  /** Plaintext as VISIBILITY told it; null: none since the start of this server. */
  visible: PersonList | null = null
  /** Frames about lists that came, in order. */
  readonly frames: DeviceFrame[] = []
  /** Datagrams to the device that are lost: asked for each. */
  loses: (frame: ServerFrame) => boolean = () => false
  readonly #random = new SeededRandom('list server')
  #parts: Uint8Array[] = []
  #shown: Uint8Array[] = []

  constructor(rig: Rig) {
    this.rig = rig
  }

  state(): ServerFrame {
    const flags = this.visible === null ? 1 : 0
    return this.rig.server.state({ version: this.version, flags })
  }

  /** The list as it was committed, opened with the device's key. */
  opened(listKey: Uint8Array): PersonList {
    const plaintext = openList(this.rig.crypto, listKey, this.version, this.sealed as Uint8Array)
    return decodePersonList(plaintext as Uint8Array) as PersonList
  }

  /** Another device of the person commits this. */
  commit(list: PersonList, version: number, listKey = this.rig.machine.parts.list.listKey as Uint8Array): void {
    const salt = this.#random.fill(new Uint8Array(16))
    this.sealed = sealList(this.rig.crypto, listKey, version, salt, encodePersonList(list))
    this.version = version
  }

  /** Another device of the person changes what was committed last. */
  change(edit: (list: PersonList) => PersonList): void {
    const listKey = this.rig.machine.parts.list.listKey as Uint8Array
    this.commit(edit(this.sealed === null ? EMPTY_LIST : this.opened(listKey)), this.version + 1)
  }

  /** Answers packets until the device sends no more. */
  serve(): void {
    for (let rounds = 0; ; rounds++) {
      const packets = this.rig.takePackets()
      if (packets.length === 0) return
      if (rounds > 500) throw new Error('the device does not come to rest')
      for (const packet of packets) this.answer(packet)
    }
  }

  /** Serves, and passes time in which the device may repeat. */
  serveFor(ms: number): void {
    for (let passed = 0; passed < ms; passed += 250) {
      this.serve()
      this.rig.advance(250)
    }
    this.serve()
  }

  answer(packet: Packet): void {
    const replies = packet.frames.flatMap((frame) => this.#handle(frame)).filter((frame) => !this.loses(frame))
    if (packet.ask) this.rig.deliver(this.rig.server.answer(packet))
    for (const reply of replies) this.rig.send(reply)
  }

  #handle(frame: DeviceFrame): ServerFrame[] {
    if (frame.kind === 'sync') return [this.state()]
    if (frame.kind === 'want-list') {
      this.frames.push(frame)
      const parts = splitList(this.sealed as Uint8Array)
      const part = parts[frame.index] as Uint8Array
      return [{ kind: 'list-part', version: this.version, index: frame.index, count: parts.length, part }]
    }
    if (frame.kind === 'list') {
      this.frames.push(frame)
      if (frame.index === 0) this.#parts = []
      this.#parts[frame.index] = frame.part.slice()
      if (frame.index < frame.count - 1) return []
      const mayCommit = frame.base >= this.version && frame.version > frame.base
      if (!mayCommit) return [{ kind: 'list-result', version: this.version, code: 1 }]
      this.sealed = concat(...this.#parts)
      this.version = frame.version
      this.visible = null
      return [{ kind: 'list-result', version: this.version, code: 0 }]
    }
    if (frame.kind !== 'visibility') return []
    this.frames.push(frame)
    if (frame.index === 0) this.#shown = []
    this.#shown[frame.index] = frame.part.slice()
    if (frame.index < frame.count - 1) return []
    if (frame.version !== this.version) return [{ kind: 'list-result', version: this.version, code: 1 }]
    this.visible = decodePersonList(concat(...this.#shown))
    return [{ kind: 'list-result', version: this.version, code: 2 }]
  }
}
