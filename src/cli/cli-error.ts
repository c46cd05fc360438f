/** What the command line tells of a failure: one line, a stable code, a hint, an exit code; never a stack trace. */

/** One row of the registry. */
interface CliErrorRow {
  /** What the caller can do; '' where the message says it. */
  readonly hint: string
  /** 1 the command failed, 2 it was called wrongly */
  readonly exitCode: 1 | 2
}

/** Errors of the command line itself. `docs/errors.md` is checked against this table. */
export const CLI_ERRORS = {
  PL_USAGE: { hint: 'See pilotlight --help.', exitCode: 2 },
  PL_BAD_CONFIG: { hint: 'Names are those of the flags, e.g. {"udp-port": 7350}.', exitCode: 2 },
  PL_NO_API_KEY: { hint: 'Use --api-key or PILOTLIGHT_API_KEY.', exitCode: 2 },
  PL_BAD_URL: { hint: 'Use --url http://HOST:PORT.', exitCode: 2 },
  PL_BAD_LINE: { hint: 'Type ? for help.', exitCode: 2 },
  PL_NO_STORE: { hint: 'Use --data to name the folder of a server.', exitCode: 1 },
  PL_DEVICE_FILE: { hint: 'Use --file to name the file that `pilotlight device enrol` wrote.', exitCode: 1 },
  PL_DEVICE_BUSY: { hint: 'End that process first, or speak with its --socket.', exitCode: 1 },
  PL_TIMEOUT: { hint: 'Is the server running and reachable over UDP?', exitCode: 1 },
  PL_DEMO_FAILED: { hint: 'A slow or busy machine may need another try.', exitCode: 1 },
  PL_INTERNAL: { hint: 'This is a mistake of ours: please report it.', exitCode: 1 },
} as const satisfies Record<string, CliErrorRow>

/** A stable code such as `PL_USAGE`. */
export type CliErrorCode = keyof typeof CLI_ERRORS

/** A failure to be shown to the caller as it is. Errors of other parts keep their own code. */
export class CliError extends Error {
  override readonly name = 'PilotlightError'
  readonly code: string
  /** '' if there is nothing to say */
  readonly hint: string
  readonly exitCode: 1 | 2

  constructor(code: string, message: string, hint = '', exitCode: 1 | 2 = 1) {
    super(message)
    this.code = code
    this.hint = hint
    this.exitCode = exitCode
  }
}

/** An error of the registry; `hint` replaces the row's where more is known. */
export function cliError(code: CliErrorCode, message: string, hint: string = CLI_ERRORS[code].hint): CliError {
  return new CliError(code, message, hint, CLI_ERRORS[code].exitCode)
}

/** The command was called wrongly. */
export function usageError(message: string, hint?: string): CliError {
  return cliError('PL_USAGE', message, hint)
}

/** What to do about some codes of HTTP, which come without a hint. */
const HTTP_HINTS: Readonly<Record<string, string>> = {
  unreachable: 'Is the server running? Use --url to name another.',
  unauthorized: 'Use --api-key or PILOTLIGHT_API_KEY.',
  'unknown-puid': 'Give a PUID that `pilotlight device allow` printed for the application of the API key.',
}

/** Any thrown value as a CliError: errors with a code of ours keep it, all else is PL_INTERNAL. */
export function asCliError(thrown: unknown): CliError {
  if (thrown instanceof CliError) return thrown
  const { code, message, hint } = (thrown instanceof Error ? thrown : {}) as {
    code?: unknown
    message?: string
    hint?: unknown
  }
  const line = (message ?? String(thrown)).split('\n')[0] ?? ''
  if (typeof code !== 'string' || !(code.startsWith('PL_') || /^[a-z-]+$/.test(code)))
    return cliError('PL_INTERNAL', line)
  return new CliError(code, line, typeof hint === 'string' ? hint : (HTTP_HINTS[code] ?? ''))
}
