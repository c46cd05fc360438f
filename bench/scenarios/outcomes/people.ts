/** The persons of a run and their devices: real sessions over UDP, all in this process. */
import { connect, type Device, MemoryStorage, type Ring, type RingEnd } from '../../../src/client/index.js'
import { DgramTransport, enrol, systemHost } from '../../../src/client/node/index.js'
import type { Crypto } from '../../../src/crypto/crypto.js'
import type { CallClient } from '../../../src/io/call-socket.js'
import { proxiedHeaders } from '../../ours/proxied.js'

/** Every so many persons have two devices. */
const TWO_DEVICES_OF = 10
/** Persons; more would be enrolled longer than the run takes (300 enrolments a minute). */
const PERSONS_MAX = 1_000
/** Persons that an application may ring. */
const PERSONS_PER_APP = 12
/** Seconds between pings at most: a device notices a restart by then. */
const KEEPALIVE_S = 20
/** Devices that are set up at a time: handshakes of one address are limited. */
const AT_A_TIME = 6

/** What a person does with a ring; the sender writes it into the title. */
export type Deed = 'accept' | 'dismiss' | 'ignore' | 'withdraw'

/** Told how a ring ended, by each device that showed it. */
export type OnEnd = (number: number, end: RingEnd) => void

/** Does a first part of the items at a time. */
export async function inTurns<Item>(
  items: readonly Item[],
  atATime: number,
  act: (item: Item, index: number) => Promise<void>,
): Promise<void> {
  const todo = items.entries()
  const worker = async () => {
    for (const [index, item] of todo) await act(item, index)
  }
  await Promise.all(Array.from({ length: atATime }, worker))
}

/** Title of a ring: its deed and its number. */
export function titleOf(deed: Deed, number: number): string {
  return `${deed} ${number}`
}

/** All persons of a run. */
export class People {
  readonly #devices: Device[] = []
  readonly #onEnd: OnEnd

  constructor(onEnd: OnEnd) {
    this.#onEnd = onEnd
  }

  /** Devices in contact or not. */
  get devices(): number {
    return this.#devices.length
  }

  /** Handshakes since the start. */
  get handshakes(): number {
    return this.#devices.reduce((sum, device) => sum + device.counters().received['message-2'].datagrams, 0)
  }

  /**
   * Makes persons, enrols their devices, and has each let applications see them.
   *
   * @param apps `app_...`, each is let in by up to twelve persons.
   * @returns their PUIDs, for each application.
   */
  async open(parts: {
    url: string
    operator: CallClient
    crypto: Crypto
    apps: readonly string[]
    progress: (line: string) => void
  }): Promise<string[][]> {
    const { url, operator, crypto, apps, progress } = parts
    const persons = Math.min(PERSONS_MAX, Math.max(4, apps.length))
    const puids: string[][] = apps.map(() => [])
    const wanted: number[][] = Array.from({ length: persons }, () => [])
    for (let app = 0; app < apps.length; app++) {
      for (let nth = 0; nth < Math.min(PERSONS_PER_APP, persons); nth++) wanted[(app + nth) % persons]!.push(app)
    }
    let done = 0
    await inTurns(wanted, AT_A_TIME, async (ofPerson, person) => {
      const { account, code } = (await operator.call('account.add', { name: `Person ${person}` })) as {
        account: string
        code: string
      }
      const first = await this.#device(url, code, crypto, person)
      await Promise.all(ofPerson.map(async (app) => puids[app]!.push(await first.allow(apps[app]!))))
      if (person % TWO_DEVICES_OF === 0) {
        const more = (await operator.call('account.code', { account })) as { code: string }
        first.on('key-offer', ({ request }) => first.confirmKeyOffer(request))
        const second = await this.#device(url, more.code, crypto, PERSONS_MAX + person)
        await new Promise<void>((resolve) => {
          second.on('list-changed', () => resolve())
          if (second.list.entries.length > 0) resolve()
        })
      }
      if (++done % 20 === 0) progress(`${done} of ${persons} persons are there`)
    })
    return puids
  }

  async close(): Promise<void> {
    await Promise.all(this.#devices.map((device) => device.close()))
  }

  /** Enrols through a proxy, which speaks of another address for each device. */
  async #device(url: string, code: string, crypto: Crypto, index: number): Promise<Device> {
    const address = `10.1.${index >> 8}.${index & 255}`
    const throughProxy: typeof fetch = async (target, init) => {
      const headers = { ...(init?.headers as Record<string, string>), ...proxiedHeaders(address) }
      for (;;) {
        const answer = await fetch(target, { ...init, headers, signal: null })
        if (answer.status !== 429) return answer
        const seconds = Number(answer.headers.get('retry-after') ?? 1)
        await new Promise((resolve) => setTimeout(resolve, seconds * 1000))
      }
    }
    const credentials = await enrol({ url, code, name: `device ${index}`, fetch: throughProxy })
    const device = await connect({
      credentials,
      storage: new MemoryStorage(),
      transport: new DgramTransport(credentials),
      host: systemHost(),
      crypto,
      keepaliveS: KEEPALIVE_S,
    })
    this.#devices.push(device)
    device.on('ring', (ring) => this.#answer(ring))
    device.active()
    while (!device.isOnline) await device.whenOnline().catch(() => {})
    return device
  }

  #answer(ring: Ring): void {
    const [deed, number] = ring.title.split(' ')
    void ring.ended.then((end) => this.#onEnd(Number(number), end))
    ring.shown()
    if (deed === 'accept') ring.accept(new TextEncoder().encode(number)).catch(() => {})
    else if (deed === 'dismiss') ring.dismiss().catch(() => {})
  }
}
