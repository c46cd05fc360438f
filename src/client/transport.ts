import type { AddressFamily } from './learning/network.js'

/** What datagrams travel in: UDP, or a connection of TCP (WebSocket). Middleboxes keep the two for very different times. */
export type PathKind = 'udp' | 'tcp'

/** The second socket of a device, to the address that the first one sends to. wire-spec §9.4 */
export interface ProbeSocket {
  /** As `Transport.send`. */
  send(datagram: Uint8Array): void
  /** Nothing is told afterwards. */
  close(): void
}

/** What a transport tells the device. */
export interface TransportListener {
  /** A datagram came from the server's address; borrowed until the call returns. */
  onDatagram(datagram: Uint8Array): void
  /** Another way to the server was opened (the next address of a race): what is unanswered should go out again. */
  onWay(): void
  /**
   * Datagrams go another path from now on, of the transport's `kind`: a ping should go at once and ask, so that the
   * server challenges the new address and sends there.
   */
  onMoved(): void
  /** The connection that datagrams went by was closed; not by this end, nor by a server that stops. `onMoved` follows. */
  onBroken?(): void
}

/**
 * Carries datagrams to one server and back, as UDP does: each whole or not at all, in any order, perhaps twice. UDP on
 * Node is in `client/node`, WebSocket in `websocket-transport.ts`, both together in `paths-transport.ts`; a phone's
 * sockets fit as well.
 */
export interface Transport {
  /** What datagrams go by now; after a change the listener's `onMoved` follows. */
  readonly kind: PathKind
  /** Who is told. Called once, before anything is sent. */
  listen(listener: TransportListener): void
  /** Sends one datagram of at most 1200 B; the bytes are the transport's. Never throws: what cannot be sent is lost. */
  send(datagram: Uint8Array): void
  /**
   * Which path is better here; left out where there is only one. It holds until it is said otherwise.
   *
   * @param isUdpBlocked UDP did not pass here before: where it is preferred, both are tried at once, and UDP wins if it answers.
   */
  prefer?(kind: PathKind, isUdpBlocked: boolean): void
  /** A new local socket, and so a new address: the network changed, or the old mapping seems dead. */
  rebind(why: 'network' | 'silence'): void
  /**
   * Opens a second socket to the server's present address, with a local port of its own. Left out: intervals are not
   * learnt.
   *
   * @param onDatagram told of what comes to it, from the server's address; borrowed until the call returns.
   * @returns null if that is not possible now.
   */
  openProbe?(onDatagram: (datagram: Uint8Array) => void): ProbeSocket | null
  /** Family of the server's address that answered last, null if not known; left out by a transport that cannot tell. */
  readonly family?: AddressFamily | null
  /** Whether the socket still works: systems close sockets of processes that they suspend. Left out: always. */
  isAlive?(): boolean
  /** Ends it; nothing is told afterwards. */
  close(): void
}
