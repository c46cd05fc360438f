import { RefusalCode } from '../packet/constants.js'

/** One row of the registry, as in `base/errors.ts`. */
interface DeviceErrorRow {
  /** What is wrong, one sentence without a full stop; `{}` stands for the detail. */
  readonly message: string
  /** What the person or the host can do. */
  readonly hint: string
}

/**
 * Every error that a device can meet, by its stable code. `docs/errors.md` is checked against this table together with
 * that of `base/errors.ts`.
 */
export const DEVICE_ERRORS = {
  PL_NO_ANSWER: {
    message: 'the server does not answer',
    hint: 'The network may be down or block UDP. The device tries on by itself.',
  },
  PL_NO_HANDSHAKE: {
    message: 'the server does not answer the handshake',
    hint: 'The network may be down or block UDP, the endpoint may be wrong, or the server key is not the one of the enrolment: a server is silent to those who do not know its key.',
  },
  PL_HANDSHAKE_UNREADABLE: {
    message: 'the server answers the handshake, but its answer does not open',
    hint: 'Most likely the psk is not the one of the enrolment: enrol again. The device tries on by itself, for somebody on the way may have made the answer.',
  },
  PL_CLOCK_AHEAD: {
    message: "this device's clock is {} ahead of the server",
    hint: 'Set the clock. Until then the device goes on by the time that the server told it.',
  },
  PL_STAMP_OLD: {
    message: 'the server has seen a later handshake of this device than its store remembers',
    hint: 'The store is an old copy, or the clock was set back. The device goes on with a later stamp.',
  },
  PL_DEVICE_UNKNOWN: {
    message: 'the server does not know this device',
    hint: 'It was removed, or enrolled at another server. Enrol again.',
  },
  PL_BUSY: {
    message: 'the server is busy, it asks to wait {}',
    hint: 'The device tries again by itself.',
  },
  PL_CLOSED: {
    message: 'the server ended the session',
    hint: 'The device starts a new one by itself.',
  },
  PL_PROTOCOL: {
    message: 'the two ends do not agree on the protocol: {}',
    hint: 'One of them is of another version, or has a bug. Told twice in an hour, it will not heal by itself.',
  },
  PL_DEVICE_REMOVED: {
    message: 'this device was removed from its account',
    hint: 'Enrol again.',
  },
  PL_ACCOUNT_REMOVED: {
    message: 'the account of this device was removed',
    hint: 'Enrol with another account.',
  },
  PL_KEY_LIMIT: {
    message: 'the key of the session is used up',
    hint: 'The device starts a new session by itself.',
  },
  PL_BAD_CREDENTIALS: {
    message: 'the credentials of the device cannot be used: {}',
    hint: 'Give them as enrolment returned them.',
  },
  PL_BAD_STORED: {
    message: 'the stored state of the device cannot be read: {}',
    hint: 'It was cut, changed, or written by a later version. Delete it: the device then handshakes anew.',
  },
  PL_STORAGE: {
    message: 'the state of the device could not be stored: {}',
    hint: 'See to the disk. Nothing that must be durable first was sent; the device tries again.',
  },
  PL_RING_OVER: {
    message: 'the ring is over or not known: {}',
    hint: 'It was answered, withdrawn, or its deadline passed.',
  },
  PL_OFFER_UNKNOWN: {
    message: 'no device asks for the list key with request {}',
    hint: 'Give the request of a key-offer event, within 15 minutes.',
  },
  PL_NO_CONSENT: {
    message: 'the person has not allowed the application: {}',
    hint: 'Without a consent there is no pseudonym. Allow the application first, or wait for the event granted.',
  },
  PL_LIST_FULL: {
    message: 'the list of applications is full',
    hint: 'It holds 256. Deny and forget some.',
  },
  PL_LIST_SPENT: {
    message: 'the version numbers of the list are used up',
    hint: 'No change can be committed any more. Use another account.',
  },
  PL_ENROL_FAILED: {
    message: 'enrolment failed: {}',
    hint: 'See the message; an enrolment code works once and for a limited time.',
  },
  PL_PLAIN_HTTP: {
    message: 'enrolment over plain HTTP is refused: {}',
    hint: 'Use https. Plain http is allowed on loopback only.',
  },
  PL_STOPPED: {
    message: 'the device was stopped',
    hint: 'Connect again.',
  },
} as const satisfies Record<string, DeviceErrorRow>

/** A stable code such as `PL_DEVICE_UNKNOWN`. */
export type DeviceErrorCode = keyof typeof DEVICE_ERRORS

/** Something that a device met and its host should know. Match on `code`; the text may change. */
export class DeviceError extends Error {
  override readonly name = 'PilotlightError'
  readonly code: DeviceErrorCode

  /**
   * @param code   row of the registry.
   * @param detail fills the gap in the message, without secrets; may be empty.
   */
  constructor(code: DeviceErrorCode, detail = '') {
    const row = DEVICE_ERRORS[code]
    super(`${row.message.replace('{}', detail)}. ${row.hint}`)
    this.code = code
  }
}

/** Close codes to errors. wire-spec §7.4 */
const CLOSED: readonly DeviceErrorCode[] = [
  'PL_CLOSED',
  'PL_PROTOCOL',
  'PL_DEVICE_REMOVED',
  'PL_ACCOUNT_REMOVED',
  'PL_KEY_LIMIT',
]

/**
 * The error of a CLOSE that came.
 *
 * @param code of the frame; a code that this draft does not know reads as PL_CLOSED.
 */
export function closedError(code: number): DeviceError {
  const error = CLOSED[code] ?? 'PL_CLOSED'
  return new DeviceError(error, error === 'PL_PROTOCOL' ? 'the server refused a packet of ours' : '')
}

/**
 * The error of a refused handshake. wire-spec §4.3
 *
 * @param value   of the refusal.
 * @param aheadMs by how much our clock is ahead, for clock-ahead.
 */
export function refusalError(code: number, value: number, aheadMs: number): DeviceError {
  if (code === RefusalCode.clockAhead) return new DeviceError('PL_CLOCK_AHEAD', durationText(aheadMs))
  if (code === RefusalCode.stampOld) return new DeviceError('PL_STAMP_OLD')
  if (code === RefusalCode.unknownDevice) return new DeviceError('PL_DEVICE_UNKNOWN')
  return new DeviceError('PL_BUSY', durationText(value * 1000))
}

/**
 * A duration as a person says it.
 *
 * @param ms any; its sign is dropped.
 * @returns such as '40 seconds', '7 minutes', '3 hours', '12 days'.
 */
export function durationText(ms: number): string {
  const seconds = Math.round(Math.abs(ms) / 1000)
  if (seconds < 120) return `${seconds} second${seconds === 1 ? '' : 's'}`
  const minutes = Math.round(seconds / 60)
  if (minutes < 120) return `${minutes} minutes`
  const hours = Math.round(minutes / 60)
  return hours < 72 ? `${hours} hours` : `${Math.round(hours / 24)} days`
}
