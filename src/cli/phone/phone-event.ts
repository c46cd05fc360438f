/** What a terminal phone tells: JSON objects for programs, lines for people. */
import type { Device } from '../../client/device-client.js'
import type { DeviceError } from '../../client/device-error.js'
import type { MissedRing } from '../../client/event.js'
import type { KeepaliveView } from '../../client/hosted-device.js'
import { timeOfDay } from '../text.js'

/** One object of `device run --json`, and of the daemon's socket. */
export interface PhoneEvent {
  event: string
  [field: string]: unknown
}

/** Tells every event of a device but rings, which have a life of their own, and pseudonyms, which answer a question. */
export function tellEvents(device: Device, tell: (event: PhoneEvent) => void): void {
  device.on('online', ({ handshakeBytes }) => tell({ event: 'online', handshakeBytes }))
  device.on('contact-lost', ({ error }) => tell({ event: 'contact-lost', ...shownError(error) }))
  device.on('ring-ended', ({ ring, outcome }) => tell({ event: 'ring-ended', ring, outcome }))
  device.on('missed', (missed) => tell({ event: 'missed', ...shownMissed(missed) }))
  device.on('list-changed', ({ version, own }) => tell({ event: 'list-changed', version, own }))
  device.on('list-key-wanted', ({ code }) => tell({ event: 'list-key-wanted', code }))
  device.on('list-key-taken', () => tell({ event: 'list-key-taken' }))
  device.on('key-offer', ({ request, name, code }) => tell({ event: 'key-offer', request, name, code }))
  device.on('refused', ({ code, willRetry, error }) =>
    tell({ event: 'refused', refusal: code, willRetry, ...shownError(error) }),
  )
  device.on('closed', ({ code, willRetry, error }) =>
    tell({ event: 'closed', close: code, willRetry, ...shownError(error) }),
  )
  device.on('error', (error) => tell({ event: 'error', ...shownError(error) }))
}

/** `app_` and 16 hexadecimal digits. */
export function appText(app: string): string {
  return `app_${app}`
}

/** A missed ring for programs. */
export function shownMissed({ ring, app, title, body, url, deadlineMs }: MissedRing) {
  return { ring, app: appText(app), title, body, url, deadlineMs }
}

function shownError(error: DeviceError): { code: string; message: string } {
  return { code: error.code, message: error.message }
}

/** Lines for people, by event. Others are shown by their name. */
const LINES: Record<string, (event: PhoneEvent) => string> = {
  online: ({ handshakeBytes }) =>
    Array.isArray(handshakeBytes)
      ? `online, after a handshake of ${handshakeBytes.join(' + ')} bytes`
      : 'online, in the session that was',
  'contact-lost': ({ message }) => `no contact: ${message} Trying on.`,
  state: ({ state, choice }) => `you are ${state} and ${choice}`,
  ring: ({ title, body, app, remainingMs }) =>
    `RING "${title}"${body === '' ? '' : ` ${body}`} from ${app}, ${Math.round(Number(remainingMs) / 1000)} s: y accepts, n dismisses`,
  'ring-ended': ({ outcome }) => `the ring ended: ${outcome}`,
  missed: ({ title, app }) => `missed "${title}" from ${app}`,
  'list-changed': ({ version, own }) =>
    `your list is at version ${version}${own === true ? '' : ', changed on another device'}`,
  'list-key-wanted': ({ code }) => `waiting for your list: confirm ${code} on another device of yours`,
  'list-key-taken': () => 'your list can be opened here now',
  'key-offer': ({ name, code }) => `new device "${name}" asks for your list. Does it show ${code}? Then press k`,
  puid: ({ app, puid }) => `${app} knows you as ${puid}`,
  revoked: ({ app, told }) =>
    told === true ? `${app} has no consent any more, and is told so` : `${app} has no consent any more`,
  refused: ({ message }) => `refused: ${message}`,
  closed: ({ message }) => `the session was closed: ${message}`,
  error: ({ message }) => `error: ${message}`,
  'on-ring-failed': ({ message }) => `${message}`,
  network: () => 'new socket, as after a change of network',
  apps: ({ apps }) => listLines('nobody sees you', apps, (entry) => `${entry['app']}  ${grantText(entry)}`),
  'missed-rings': ({ missed }) =>
    listLines(
      'no missed rings',
      missed,
      ({ title, app, deadlineMs }) => `${timeOfDay(Number(deadlineMs))}  "${title}" from ${app}`,
    ),
  status: ({ online, state, choice, device, keepalive }) =>
    [`${device}: ${online === true ? 'online' : 'no contact'}, ${state}, ${choice}`, ...keepaliveLines(keepalive)].join(
      '\n',
    ),
  counters: ({ counters }) => {
    const { datagramsOut, bytesOut, datagramsIn, bytesIn } = counters as Record<string, number>
    return `sent ${datagramsOut} datagrams, ${bytesOut} bytes; received ${datagramsIn}, ${bytesIn} bytes`
  },
}

/** What an application may, as its person reads it. */
function grantText({ visible, appearOffline, blocked, toldRevoked, hours }: Record<string, unknown>): string {
  if (toldRevoked === true) return 'has no consent any more, and was told so'
  if (blocked === true) return 'is blocked'
  if (visible !== true) return 'does not see you'
  if (appearOffline === true) return 'sees you as offline'
  return Array.isArray(hours) && hours.length > 0 ? 'sees you at its hours' : 'sees you'
}

function keepaliveLines(keepalive: unknown): string[] {
  const { intervalS, isLearning, networks } = keepalive as KeepaliveView
  const seconds = (known: number) => (known === 0 ? 'not known' : `${known} s`)
  return [
    `a ping every ${Math.round(intervalS)} s${isLearning ? ', learnt' : ''}`,
    ...networks.map(
      ({ network, carrier, safeS, boundS, isCurrent }) =>
        `${isCurrent ? 'this network' : `network ${network}`}, ${carrier}: safe ${seconds(safeS)}, too long ${seconds(boundS)}`,
    ),
  ]
}

function listLines(none: string, items: unknown, line: (item: Record<string, unknown>) => string): string {
  const list = items as Record<string, unknown>[]
  return list.length === 0 ? none : list.map(line).join('\n')
}

/** An event as a person reads it; '' for one that they need not see. */
export function eventLine(event: PhoneEvent): string {
  const line = LINES[event.event]?.(event) ?? event.event
  return plain(line)
}

/** Control characters in a title shall not steer a terminal. */
function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
  return text.replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g, ' ')
}
