/**
 * What a peer is: another system's server, started by the harness as the real program that it is.
 *
 * To add one: a file in `bench/peers/` that exports a `Peer`, and its line in `bench/peers/all.ts`. A server that is no
 * program of its own (a library) gets a small `*-process.ts` beside it, started by `nodeProgram`. What its clients say
 * is a `Speech` (bench/peers/speech/): bytes only, the generator process has the sockets and the TLS or DTLS. Nothing
 * else has to know of it: `wire`, `load` and `memory` take every peer of the table, `ring` those whose speech has calls.
 */
import type { Certificate } from './certificate.js'
import type { Program } from './program.js'

/** How clients reach a peer. `starttls`: the server speaks first, in the clear, then TLS begins on that connection. */
export type Transport = 'tcp' | 'tls' | 'starttls' | 'dtls' | 'udp'

/** What a server is started with. */
export interface Setting {
  /** empty folder of its own, for its configuration */
  folder: string
  /** free port of 127.0.0.1; UDP for DTLS, else TCP */
  port: number
  /** clients that it must be able to hold */
  clients: number
  /** PEM files: a self-signed P-256 certificate and its key */
  certificate: Certificate
  /** that the server is kept on; null for any */
  core: number | null
}

export interface Peer {
  /** e.g. `mosquitto-tls`; the key in JSON */
  name: string
  /** what to install where it is missing, e.g. `Debian package mosquitto` */
  install: string
  transport: Transport
  /** of the program that is installed, or null where there is none */
  version(): string | null
  /** @throws BenchError if it does not listen within 20 s. */
  start(setting: Setting): Promise<Program>
  speech: Speech
}

/**
 * What a client of a peer says and hears, as bytes of the application protocol: below TLS, in datagrams of CoAP. All
 * of it is pure. Clients are numbered from 0.
 */
export interface Speech {
  /** its file in the generator process */
  name: SpeechName
  /** what a client says first; empty where the protocol has no greeting */
  hello(client: number): Uint8Array
  /** how many bytes of what came the server's answer to the hello takes; 0 while it is not whole */
  welcomeBytes(received: Uint8Array): number
  /** a keepalive that asks for an answer, the same each time */
  ping: Uint8Array
  /** the answer, the same each time */
  pong: Uint8Array
  /** how many bytes the server says before TLS begins; 0 while they are not whole. For `starttls` only */
  prefaceBytes?(received: Uint8Array): number
  /** messages from the application's client to a device and back; left out where the peer has none */
  calls?: Calls
}

/** Messages with an acknowledgement, end to end: what a peer has for rings. Client 0 is the application. */
export interface Calls {
  /** what a client says once to be reached, after its welcome; the answer to it has `readyBytes` */
  join(client: number): Uint8Array
  readyBytes: number
  /** the application's message to a device: `token` of 8 characters, and a body of the same size for all peers */
  call(device: number, token: string): Uint8Array
  /**
   * Reads the first whole message of what came.
   *
   * @returns its size, and what it was: a call to answer, an answer, or something to pass over; null while none is whole.
   */
  read(received: Uint8Array): { bytes: number; call?: string; answer?: string; reply?: Uint8Array } | null
  /** the device's answer to a call */
  answer(device: number, token: string): Uint8Array
}

export type SpeechName = 'mqtt' | 'nats' | 'ws' | 'coap' | 'floor'
