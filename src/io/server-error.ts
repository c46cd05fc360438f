/** What can go wrong when a server starts, or when an operator asks it for something. */

/** One row of the registry, as in `base/errors.ts`. */
interface ServerErrorRow {
  /** What is wrong, one sentence without a full stop; `{}` stands for the detail. */
  readonly message: string
  /** What the operator can do. */
  readonly hint: string
}

/** Errors by their stable code. `docs/errors.md` is checked against this table together with that of `base/errors.ts`. */
export const SERVER_ERRORS = {
  PL_PORT_TAKEN: {
    message: '{} is in use by another process',
    hint: 'Stop that process, or give another port.',
  },
  PL_PORT_FORBIDDEN: {
    message: 'this user may not listen on {}',
    hint: 'Give a port above 1023, or the right to use low ports.',
  },
  PL_ADDRESS_UNAVAILABLE: {
    message: 'this machine cannot listen on {}',
    hint: 'Give an address of this machine, or 0.0.0.0 and :: for all.',
  },
  PL_BAD_TLS: {
    message: 'the TLS certificate or key cannot be used: {}',
    hint: 'Give both as PEM files that belong together.',
  },
  PL_START_FAILED: {
    message: 'the server could not start: {}',
    hint: 'The detail says why.',
  },
  PL_SERVER_RUNNING: {
    message: 'a server is running on {}',
    hint: 'Stop it first.',
  },
  PL_SOCKET_PATH: {
    message: 'the path {} is too long for a socket',
    hint: 'Give a folder with a shorter path.',
  },
  PL_SOCKET_TAKEN: {
    message: 'another process listens on {}',
    hint: 'Stop that process, or give another path.',
  },
  PL_UNKNOWN_ACCOUNT: {
    message: 'there is no account {}',
    hint: '`pilotlight account list` shows them.',
  },
  PL_UNKNOWN_DEVICE: {
    message: 'there is no device {}',
    hint: '`pilotlight device list` shows them.',
  },
  PL_UNKNOWN_APP: {
    message: 'there is no application {}',
    hint: '`pilotlight app list` shows them.',
  },
  PL_NO_WEBHOOK: {
    message: 'the application {} has no webhook',
    hint: '`pilotlight app webhook set` makes one.',
  },
  PL_UNKNOWN_DELIVERY: {
    message: 'there is no such delivery',
    hint: '`pilotlight app webhook deliveries` shows those that are remembered.',
  },
  PL_NO_SERVER: {
    message: 'no server is running on this folder',
    hint: 'Start it with `pilotlight serve`.',
  },
  PL_BAD_ARGUMENT: {
    message: '{}',
    hint: 'Give another value.',
  },
  PL_UNKNOWN_METHOD: {
    message: 'the line is no call of a known method',
    hint: 'A call is {"id": 1, "method": "...", "params": {...}} on one line.',
  },
  PL_CONNECTION_LOST: {
    message: 'the other side closed the connection',
    hint: 'Is it still running?',
  },
} as const satisfies Record<string, ServerErrorRow>

/** A stable code such as `PL_PORT_TAKEN`. */
export type ServerErrorCode = keyof typeof SERVER_ERRORS

/** A failure that an operator can act on. Match on `code`; the texts may change. */
export class ServerError extends Error {
  override readonly name = 'PilotlightError'
  readonly code: ServerErrorCode
  readonly hint: string

  /**
   * @param code   row of the registry.
   * @param detail fills the gap in the message.
   */
  constructor(code: ServerErrorCode, detail = '') {
    const row = SERVER_ERRORS[code]
    super(row.message.replace('{}', detail))
    this.code = code
    this.hint = row.hint
  }
}
