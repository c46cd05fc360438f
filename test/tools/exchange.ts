/** One life of two phones and a server in virtual time: what went over the wire, and what both ends logged of it. */
import { fromHex } from '../../src/base/bytes.js'
import type { Now } from '../../src/base/time.js'
import { entryOf } from '../../src/client/list-edit.js'
import type { Crypto } from '../../src/crypto/crypto.js'
import type { ServerFrame } from '../../src/frame/frame.js'
import type { ChannelObserver } from '../../src/session/observer.js'
import { KeyLog } from '../../src/trace/key-log.js'
import { Qlog } from '../../src/trace/qlog.js'
import { Phone, World } from '../client/world.js'

/** A datagram on the wire; `device` has 18 B. */
export interface Captured {
  atMs: number
  bytes: Uint8Array
  toServer: boolean
  device: Uint8Array
}

/** What must not stand in a qlog. */
export const SECRETS = {
  app: 'abcdefabcdef1234',
  title: 'Canary title',
  body: 'canary body',
  url: 'https://canary.example/',
  payload: 'canary payload',
  puid: 'canary-puid',
  message: 'canary status',
} as const

/** A qlog and a key log, in memory. */
export class Log {
  readonly records: string[] = []
  readonly keys: string[] = []
  readonly observer: ChannelObserver

  constructor(vantage: 'client' | 'server', now: () => Now) {
    const start = { ...now() }
    const qlog = new Qlog({ vantage, version: 'test', start, now, write: (record) => this.records.push(record) })
    const keyLog = new KeyLog((line) => this.keys.push(line))
    this.records.push(qlog.header())
    this.observer = {
      onPacket: (packet) => {
        qlog.onPacket(packet)
        keyLog.onPacket(packet)
      },
      onNote: (note) => qlog.onNote(note),
    }
  }
}

class TappedWorld extends World {
  readonly captured: Captured[] = []

  override toServer(bytes: Uint8Array, address: Uint8Array): void {
    this.captured.push({ atMs: this.now.monotonicMs, bytes, toServer: true, device: address.slice() })
    super.toServer(bytes, address)
  }

  override transmit(sent: readonly { remote: Uint8Array; bytes: Uint8Array }[]): void {
    for (const { remote, bytes } of sent) {
      this.captured.push({ atMs: this.now.monotonicMs, bytes, toServer: false, device: remote.slice() })
    }
    super.transmit(sent)
  }
}

export interface Exchange {
  captured: Captured[]
  server: Log
  client: Log
  ring: string
}

const RING = '52'.repeat(16)

/** Handshakes with a cookie, a ring, a list, moves, key steps of both kinds, restarts of both ends, a reset. */
export function liveExchange(crypto: Crypto): Exchange {
  let world: TappedWorld | null = null
  const now = (): Now => world?.now ?? { monotonicMs: 1_000_000, wallMs: 1_800_000_000_000 }
  const server = new Log('server', now)
  const client = new Log('client', now)
  // One a second is less than no message 1 at all: the second phone is asked for a cookie.
  const life = new TappedWorld(crypto, 'tools', { observer: server.observer, handshakesPerSecondBeforeCookie: 1 })
  world = life
  life.hub.puid = () => SECRETS.puid
  const phone = new Phone(life)
  phone.more = {
    keepaliveS: 60,
    observer: client.observer,
    steps: { stepMs: 120_000, packets: 65_536, keyStepMs: 300_000 },
  }
  const other = new Phone(life)
  phone.start()
  other.start()
  life.run(5000)
  phone.do((machine, at) => machine.allow(SECRETS.app, {}, at))
  phone.do((machine, at) => machine.setMessages(SECRETS.message, '', at))
  life.run(5000)
  phone.do((machine, at) => machine.requestPuid(SECRETS.app, at))
  ring(life, phone)
  life.run(3000)
  phone.do((machine, at) => machine.accept(RING, null, at))
  life.run(1000)
  life.hub.send(phone.device.handle, { kind: 'outcome', id: 0x3333, ring: fromHex(RING), what: 0 })
  life.run(3000)
  phone.changeNetwork()
  life.run(200_000)
  phone.rebindNat()
  life.run(200_000)
  phone.kill()
  phone.start()
  life.run(10_000)
  life.restartServer()
  life.run(100_000)
  phone.changeNetwork()
  life.run(100_000)
  // A device that was restored from an old copy knocks with a connection ID of long ago.
  const old = life.captured.find(({ bytes, toServer }) => toServer && (bytes[0] as number) >= 0x80)
  if (old !== undefined) life.toServer(old.bytes, phone.address)
  phone.do((machine, at) => machine.stop(at))
  life.run(5000)
  return { captured: life.captured, server, client, ring: RING }
}

function ring(world: World, phone: Phone): void {
  const { app, title, body, url, payload } = SECRETS
  const rotation = entryOf(phone.machine?.parts.list.current as never, app)?.rotation ?? 0
  const notify: ServerFrame = {
    kind: 'notify',
    id: 0x2222,
    ring: fromHex(RING),
    app: fromHex(app),
    rotation,
    deadlineMs: world.now.wallMs + 60_000,
    title,
    body,
    url,
    payload: new TextEncoder().encode(payload),
  }
  world.hub.send(phone.device.handle, notify)
}
