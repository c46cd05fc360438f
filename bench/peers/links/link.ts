/** One client of a peer in the generator: its connection, and what goes over it. */
export interface Link {
  /** Connects and is welcomed; settles then. @throws Error if it is closed or refused before. */
  open(): Promise<void>
  /** Seals the next pings beforehand, so that the generator's own work is not in the way of a measurement. */
  prepare(pings: number): void
  /** sends one */
  ping(): void
  /** sends bytes of the application protocol */
  say(bytes: Uint8Array): void
  close(): void
  /** a pong came */
  onPong: () => void
  /** where set, all that comes goes here, opened, and nothing is taken for a pong */
  onBytes: ((bytes: Uint8Array) => void) | null
  /** it ended, though nobody closed it */
  onLost: (why: Error) => void
  /** answers that were not what a pong looks like */
  readonly strange: number
}

/** Where to connect to. */
export interface Target {
  host: string
  port: number
}
