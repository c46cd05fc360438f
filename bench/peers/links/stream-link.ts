/** A client on TCP, with TLS or without. */
import { connect as dial, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { connect as secure, type TLSSocket } from 'node:tls'
import type { Speech, Transport } from '../peer.js'
import type { Link, Target } from './link.js'
import { CIPHER_SUITES, RECORD_EXTRA_BYTES, Records, recordBytes } from './tls-records.js'

/** One pong in so many is opened and compared; of the others the size says enough. */
const OPENED_OF = 64
const NOTHING = Buffer.alloc(0)
/** What is read goes through one buffer: everything is looked at before the next read. */
const READ_BUFFER = Buffer.alloc(65_536)

/** What a link may have beside its target. */
export interface StreamOptions {
  transport: Transport
  speech: Speech
  client: number
  /** of an earlier link: TLS is resumed */
  session?: Buffer | undefined
  /** keeps `node:tls` reading, which gives the session ticket; costs memory and time */
  wantsSession?: boolean
}

export class StreamLink implements Link {
  onPong: () => void = () => {}
  onBytes: ((bytes: Uint8Array) => void) | null = null
  onLost: (why: Error) => void = () => {}
  /** the newest ticket, where it was wanted */
  session: Buffer | undefined
  isResumed = false
  strange = 0
  readonly #options: StreamOptions
  readonly #target: Target
  #socket: Socket | null = null
  /** who reads what comes, while connecting: the preface, TLS, the welcome */
  #read: (bytes: Buffer) => void
  #rest: Buffer = NOTHING
  #out: Records | null = null
  #in: Records | null = null
  #pongs = 0
  #localPort = 0
  #isClosed = false
  #prepared: Buffer = NOTHING
  #preparedAt = 0
  #fail: (why: Error) => void = () => {}

  constructor(target: Target, options: StreamOptions) {
    this.#target = target
    this.#options = options
    this.#read = (bytes) => this.#readPongs(bytes)
  }

  /** of our end, once connected */
  get localPort(): number {
    return this.#localPort
  }

  async open(): Promise<void> {
    const { transport, speech, client } = this.#options
    const failed = new Promise<never>((_, reject) => {
      this.#fail = reject
    })
    failed.catch(() => {})
    const steps = async () => {
      await this.#connect()
      if (transport === 'starttls') await this.#preface()
      if (transport !== 'tcp') await this.#handshake()
      const welcome = this.#expect((received) => speech.welcomeBytes(received))
      this.say(speech.hello(client))
      await welcome
    }
    await Promise.race([steps(), failed])
    this.#fail = (why) => this.onLost(why)
    this.#read = (bytes) => this.#readPongs(bytes)
  }

  prepare(pings: number): void {
    const { ping } = this.#options.speech
    const out = this.#out
    if (out === null) return
    const oneBytes = ping.length + RECORD_EXTRA_BYTES
    const left = this.#prepared.subarray(this.#preparedAt)
    const more = Math.max(0, pings - left.length / oneBytes)
    this.#prepared = Buffer.concat([left, Buffer.alloc(more * oneBytes)])
    this.#preparedAt = 0
    for (let at = left.length; at < this.#prepared.length; ) at = out.seal(ping, this.#prepared, at)
  }

  ping(): void {
    const { ping } = this.#options.speech
    if (this.#out === null) {
      this.#socket!.write(ping)
      return
    }
    if (this.#preparedAt === this.#prepared.length) this.prepare(1)
    const at = this.#preparedAt
    this.#preparedAt += ping.length + RECORD_EXTRA_BYTES
    this.#socket!.write(this.#prepared.subarray(at, this.#preparedAt))
  }

  say(bytes: Uint8Array): void {
    if (this.#out === null) {
      this.#socket!.write(bytes)
      return
    }
    this.#unprepare()
    const record = Buffer.allocUnsafe(bytes.length + RECORD_EXTRA_BYTES)
    this.#out.seal(bytes, record, 0)
    this.#socket!.write(record)
  }

  /** Says something and waits for the answer to it, of so many bytes. */
  async ask(bytes: Uint8Array, answerBytes: number): Promise<void> {
    const answered = this.#expect((received) => (received.length >= answerBytes ? answerBytes : 0))
    this.say(bytes)
    await answered
    this.#read = (received) => this.#readPongs(received)
  }

  close(): void {
    this.#isClosed = true
    this.#socket?.destroy()
  }

  /** Sealed pings that were not sent are thrown away: records have an order. */
  #unprepare(): void {
    const oneBytes = this.#options.speech.ping.length + RECORD_EXTRA_BYTES
    this.#out!.next -= (this.#prepared.length - this.#preparedAt) / oneBytes
    this.#prepared = NOTHING
    this.#preparedAt = 0
  }

  async #connect(): Promise<void> {
    const onread = {
      buffer: READ_BUFFER,
      callback: (bytes: number) => {
        this.#read(READ_BUFFER.subarray(0, bytes))
        return true
      },
    }
    const socket = dial({ ...this.#target, noDelay: true, onread })
    this.#socket = socket
    const lose = (why: Error) => {
      if (!this.#isClosed) this.#fail(why)
    }
    socket.on('error', lose)
    socket.on('close', () => lose(new Error('closed by the server')))
    await new Promise<void>((resolve) => socket.once('connect', () => resolve()))
    this.#localPort = socket.localPort ?? 0
  }

  async #preface(): Promise<void> {
    const { prefaceBytes } = this.#options.speech
    if (prefaceBytes === undefined) throw new Error('starttls needs a preface')
    let received: Buffer = NOTHING
    await new Promise<void>((resolve) => {
      this.#read = (bytes) => {
        received = Buffer.concat([received, bytes])
        if (prefaceBytes(received) > 0) resolve()
      }
    })
  }

  /** By `node:tls` through a pipe that we hold the ends of; afterwards the records are ours. */
  async #handshake(): Promise<void> {
    const { session, wantsSession = false } = this.#options
    const socket = this.#socket!
    const pipe = new Duplex({
      read() {},
      write: (bytes: Buffer, _encoding, done) => {
        if (this.#out === null) socket.write(bytes)
        done()
      },
    })
    const resumed = session === undefined ? {} : { session }
    const tls = secure({
      socket: pipe,
      rejectUnauthorized: false,
      minVersion: 'TLSv1.3',
      ciphers: CIPHER_SUITES,
      ...resumed,
    })
    const secrets = new Map<string, Buffer>()
    tls.on('keylog', (line: Buffer) => {
      const [label = '', , secret = ''] = line.toString('latin1').trim().split(' ')
      secrets.set(label, Buffer.from(secret, 'hex'))
    })
    tls.on('error', (error) => this.#fail(error))
    if (wantsSession) {
      tls.on('session', (ticket: Buffer) => {
        this.session = ticket
      })
    }
    this.#read = (bytes) => void pipe.push(Buffer.from(bytes))
    await new Promise<void>((resolve) => tls.once('secureConnect', () => resolve()))
    this.isResumed = tls.isSessionReused()
    this.#takeOver(tls, secrets)
    if (!wantsSession) return
    this.#tee = (bytes) => void pipe.push(Buffer.from(bytes))
    tls.resume()
  }

  /** sees what comes after the handshake as well */
  #tee: ((bytes: Buffer) => void) | null = null

  #takeOver(tls: TLSSocket, secrets: Map<string, Buffer>): void {
    const suite = tls.getCipher().standardName
    const [mine, theirs] = [secrets.get('CLIENT_TRAFFIC_SECRET_0'), secrets.get('SERVER_TRAFFIC_SECRET_0')]
    if (mine === undefined || theirs === undefined) throw new Error('node:tls told no keys')
    this.#out = new Records(suite, mine)
    this.#in = new Records(suite, theirs)
  }

  /** Settles when the plaintext that comes holds what is waited for. */
  #expect(bytesOf: (received: Uint8Array) => number): Promise<void> {
    let received: Buffer = NOTHING
    return new Promise((resolve) => {
      this.#read = (bytes) => {
        this.#plain(bytes, (plaintext) => {
          received = Buffer.concat([received, plaintext])
          if (bytesOf(received) > 0) resolve()
        })
      }
    })
  }

  /** Opens every record that is whole. */
  #plain(bytes: Buffer, take: (plaintext: Buffer) => void): void {
    this.#tee?.(bytes)
    const records = this.#in
    if (records === null) {
      take(Buffer.from(bytes))
      return
    }
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    let at = 0
    for (let size = recordBytes(all, 0); size !== null; size = recordBytes(all, at)) {
      const plaintext = this.#opened(records, all.subarray(at, at + size))
      if (plaintext !== null) take(plaintext)
      at += size
    }
    this.#rest = at === all.length ? NOTHING : Buffer.from(all.subarray(at))
  }

  #readPongs(bytes: Buffer): void {
    if (this.onBytes !== null) {
      this.#plain(bytes, this.onBytes)
      return
    }
    const { pong } = this.#options.speech
    const isPlain = this.#in === null
    const oneBytes = pong.length + (isPlain ? 0 : RECORD_EXTRA_BYTES)
    const isAsKnown = this.#rest.length === 0 && bytes.length === oneBytes && (isPlain || bytes[4] === oneBytes - 5)
    if (isAsKnown && ++this.#pongs % OPENED_OF !== 1 && this.#tee === null) {
      if (this.#in !== null) this.#in.next++
      this.onPong()
      return
    }
    this.#plain(bytes, (plaintext) => {
      for (let at = 0; at + pong.length <= plaintext.length; at += pong.length) {
        if (pong.every((byte, index) => plaintext[at + index] === byte)) this.onPong()
        else this.strange++
      }
    })
  }

  #opened(records: Records, record: Uint8Array): Buffer | null {
    try {
      return records.open(record)
    } catch (error) {
      this.#fail(error as Error)
      return null
    }
  }
}
