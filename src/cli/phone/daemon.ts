/**
 * A phone's socket: other programs of this machine share its one channel. Calls are those of the terminal phone, by
 * method; `subscribe` brings every event as a line of its own.
 */
import { type Caller, type Methods, serveCalls } from '../../io/call-socket.js'
import { ServerError } from '../../io/server-error.js'
import type { UnixListener } from '../../io/unix-socket.js'
import { cliError } from '../cli-error.js'
import type { Phone } from './phone.js'
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

/**
 * Listens for other programs; mode 0600. Calls wait until the phone is open.
 *
 * @throws CliError PL_DEVICE_BUSY if another process runs the device.
 */
export async function servePhone(
  socket: string,
  phone: Promise<Phone>,
  subscribers: Subscribers,
): Promise<UnixListener> {
  async function methodsFor(caller: Caller): Promise<Methods> {
    const teller = (event: PhoneEvent) => caller.tell(event)
    caller.onClose(() => subscribers.remove(teller))
    const subscribe = async () => subscribers.add(teller)
    return { ...(await phone).methods(), subscribe }
  }
  try {
    return await serveCalls(socket, methodsFor)
  } catch (error) {
    if (!(error instanceof ServerError) || error.code !== 'PL_SOCKET_TAKEN') throw error
    throw cliError('PL_DEVICE_BUSY', `another process runs this device, at ${socket}`)
  }
}
