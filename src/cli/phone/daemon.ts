/**
 * A phone's sockets: other programs of this machine share its one channel. Calls are those of the terminal phone, by
 * method; `subscribe` brings every event as a line of its own.
 */
import { lstatSync } from 'node:fs'
import { resolve } from 'node:path'
import { type CallClient, type Caller, connectCalls, type Methods, serveCalls } from '../../io/call-socket.js'
import { ServerError } from '../../io/server-error.js'
import type { UnixListener } from '../../io/unix-socket.js'
import { cliError } from '../cli-error.js'
import { loadDeviceFile, socketFile } from './device-file.js'
import { openPhone, type Phone, type PhoneOptions } from './phone.js'
import type { PhoneEvent } from './phone-event.js'

/** Events for whoever subscribed. */
export class Subscribers {
  readonly #tellers = new Set<(event: PhoneEvent) => void>()

  add(teller: (event: PhoneEvent) => void): void {
    this.#tellers.add(teller)
  }

  remove(teller: (event: PhoneEvent) => void): void {
    this.#tellers.delete(teller)
  }

  tell(event: PhoneEvent): void {
    for (const teller of this.#tellers) teller(event)
  }
}

/** A phone that others can call. */
export interface ServedPhone {
  phone: Phone
  /** The server is told that the device leaves; then the sockets close. */
  close(): Promise<void>
}

/** How it is opened. */
export interface ServedPhoneOptions extends PhoneOptions {
  /** one more socket, beside that of the file; '' for none */
  socket: string
}

/**
 * Opens the device of a file and listens for other programs; sockets have mode 0600, calls wait until the phone is open.
 * The socket of the file comes first: it is also what keeps a second process away from the device.
 *
 * @throws CliError PL_DEVICE_FILE, PL_DEVICE_BUSY if another process runs the device; ServerError PL_SOCKET_TAKEN,
 *   PL_SOCKET_PATH; DeviceError.
 */
export async function openServedPhone(
  options: ServedPhoneOptions,
  subscribers: Subscribers,
  tell: (event: PhoneEvent) => void,
): Promise<ServedPhone> {
  const credentials = await loadDeviceFile(options.file)
  let opened: (phone: Phone) => void = () => {}
  const coming = new Promise<Phone>((resolve) => {
    opened = resolve
  })
  const listeners: UnixListener[] = []
  const closeListeners = async () => void (await Promise.all(listeners.map((listener) => listener.close())))
  try {
    const first = resolve(socketFile(options.file))
    listeners.push(
      await listen(first, coming, subscribers).catch((error: unknown) => {
        throw busyError(error, first)
      }),
    )
    const second = options.socket === '' ? first : resolve(options.socket)
    if (second !== first) listeners.push(await listen(second, coming, subscribers))
    const phone = await openPhone(credentials, options, tell)
    opened(phone)
    return { phone, close: () => phone.device.close().finally(closeListeners) }
  } catch (error) {
    await closeListeners()
    throw error
  }
}

/** The phone that runs behind a socket, or null. @throws CliError PL_DEVICE_FILE. */
export async function connectPhone(socket: string): Promise<CallClient | null> {
  try {
    return await connectCalls(resolve(socket))
  } catch (error) {
    throw socketError(socket, error)
  }
}

async function listen(socket: string, phone: Promise<Phone>, subscribers: Subscribers): Promise<UnixListener> {
  async function methodsFor(caller: Caller): Promise<Methods> {
    const teller = (event: PhoneEvent) => caller.tell(event)
    caller.onClose(() => subscribers.remove(teller))
    const subscribe = async () => subscribers.add(teller)
    return { ...(await phone).methods(), subscribe }
  }
  try {
    // What a killed process left there is replaced, but not a file of another kind.
    if (lstatSync(socket, { throwIfNoEntry: false })?.isSocket() === false)
      throw cliError('PL_DEVICE_FILE', `${socket} exists already and is no socket`, ANOTHER_SOCKET)
    return await serveCalls(socket, methodsFor)
  } catch (error) {
    throw socketError(socket, error)
  }
}

const ANOTHER_SOCKET = 'Give another path with --socket.'

function busyError(error: unknown, socket: string): unknown {
  if (!(error instanceof ServerError) || error.code !== 'PL_SOCKET_TAKEN') return error
  return cliError('PL_DEVICE_BUSY', `another process runs this device, at ${socket}`)
}

/** What the system says, in words. */
function socketError(socket: string, error: unknown): unknown {
  const { syscall, code } = error as NodeJS.ErrnoException
  if (syscall === undefined) return error
  return cliError('PL_DEVICE_FILE', `the socket ${socket} cannot be used (${code ?? 'error'})`, ANOTHER_SOCKET)
}
