/** What a browser keeps of its device: credentials, state, and what the page set. All in one sealed store. */
import { utf8Bytes, utf8Text } from '../../base/text.js'
import { type Credentials, readCredentials, writeCredentials } from '../credentials.js'
import type { Storage } from '../storage.js'
import { SealedStore } from './sealed-store.js'

/** Name of the database unless the page wants more than one device. */
export const DEFAULT_STORE = 'pilotlight'

/** When the server counts an idle person as away and as offline; seconds, 0 never. */
export interface Thresholds {
  awayAfterS: number
  offlineAfterS: number
}

export class DeviceStore implements Storage {
  readonly #sealed: SealedStore
  /** Saves run one after the other: the last one given is the last one kept. */
  #last: Promise<void> = Promise.resolve()
  /** after `rest`: a device that ends has nothing to keep */
  #isResting = false

  private constructor(sealed: SealedStore) {
    this.#sealed = sealed
  }

  /** @throws DOMException where the browser refuses storage, or the page is not in a secure context. */
  static async open(name: string = DEFAULT_STORE): Promise<DeviceStore> {
    return new DeviceStore(await SealedStore.open(name))
  }

  /** The state of the device, as `Storage` says. */
  load(): Promise<Uint8Array | null> {
    return this.#sealed.get('state')
  }

  save(bytes: Uint8Array): Promise<void> {
    const saved = this.#last.then(() => (this.#isResting ? undefined : this.#sealed.put({ state: bytes })))
    this.#last = saved.catch(() => {})
    return saved
  }

  /** Of the enrolment; null: this browser is no device. @throws DeviceError PL_BAD_CREDENTIALS. */
  async credentials(): Promise<Credentials | null> {
    const bytes = await this.#sealed.get('credentials')
    return bytes === null ? null : readCredentials(utf8Text(bytes) ?? '', 'IndexedDB')
  }

  /** Keeps credentials, and forgets what was kept of another device. */
  async enrolled(credentials: Credentials): Promise<void> {
    await this.#sealed.remove('state', 'thresholds')
    this.#isResting = false
    await this.#sealed.put({ credentials: utf8Bytes(writeCredentials(credentials)) })
  }

  /** As the person set them in this browser, or null. */
  async thresholds(): Promise<Thresholds | null> {
    const bytes = await this.#sealed.get('thresholds')
    return bytes === null ? null : (JSON.parse(utf8Text(bytes) ?? 'null') as Thresholds | null)
  }

  keepThresholds(thresholds: Thresholds): Promise<void> {
    return this.#sealed.put({ thresholds: utf8Bytes(JSON.stringify(thresholds)) })
  }

  /** What a device saves from now on is dropped, until `wake`: it was forgotten, and only takes its leave. */
  rest(): void {
    this.#isResting = true
  }

  wake(): void {
    this.#isResting = false
  }

  /** This browser is no device any more: nothing of it stays. */
  async clear(): Promise<void> {
    this.rest()
    await this.#last
    await this.#sealed.remove('credentials', 'state', 'thresholds')
  }

  close(): void {
    this.#sealed.close()
  }
}
