/**
 * One device for all tabs of an origin. The tab that holds a lock runs it; the others show its view and hand commands on,
 * by a BroadcastChannel. When that tab goes, the next in the queue of the lock goes on with the session.
 */
import type { Credentials } from '../credentials.js'
import { DeviceError } from '../device-error.js'
import { Activity } from './activity.js'
import { type BrowserHost, browserHost } from './browser-host.js'
import { type BrowserConnectOptions, connect, enrol } from './connect.js'
import { DEFAULT_STORE, DeviceStore } from './device-store.js'
import type { CommandName, CommandResult, CommandValue, DeviceView } from './device-view.js'
import { browserNetwork } from './network.js'
import { RunningDevice } from './running-device.js'
import { TabChannel } from './tab-channel.js'

export interface SharedDeviceOptions extends Pick<BrowserConnectOptions, 'channel' | 'keepaliveS' | 'deviceClass'> {
  /** name of database, lock and channel; default 'pilotlight' */
  name?: string
  /** URL of `timer-worker.js`; see `browserHost` */
  timerWorker?: string | URL | null
  /** told of each change, also whether this browser is a device at all */
  onChange(): void
}

/** none: this browser is no device. waiting: another tab runs it, or none yet. running: this tab does. */
type Role = 'none' | 'waiting' | 'running'

export class SharedDevice {
  readonly #options: SharedDeviceOptions
  readonly #name: string
  readonly #store: DeviceStore
  readonly #host: BrowserHost
  readonly #tabs: TabChannel
  readonly #activity: Activity
  readonly #page = new AbortController()
  #role: Role = 'none'
  #running: RunningDevice | null = null
  #release: () => void = () => {}
  #activityState: 'active' | 'idle' = 'active'
  #view: DeviceView | null = null
  #failure: Error | null = null

  /** @throws DOMException where the browser refuses storage, or the page is not in a secure context. */
  static async open(options: SharedDeviceOptions): Promise<SharedDevice> {
    const store = await DeviceStore.open(options.name)
    const shared = new SharedDevice(options, store)
    await shared.#begin()
    return shared
  }

  private constructor(options: SharedDeviceOptions, store: DeviceStore) {
    this.#options = options
    this.#name = options.name ?? DEFAULT_STORE
    this.#store = store
    this.#host = browserHost(options.timerWorker ?? null)
    this.#tabs = new TabChannel(this.#name, {
      onHello: () => this.#tellView(),
      onView: (view) => this.#takeView(view),
      onUsed: () => this.#activity.used(),
      onEnrolled: () => void this.#begin(),
      onLeft: () => this.#left(),
      run: (name, value) => this.#runHere(name, value),
      isRunning: () => this.#running !== null,
    })
    this.#activity = new Activity({
      onChange: (state) => this.#setState(state),
      onInput: () => this.#tabs.used(),
      setTimer: (ms, run) => this.#host.setTimer(ms, run),
    })
    this.#watchPage()
  }

  /** Whether this browser was enrolled. */
  get isEnrolled(): boolean {
    return this.#role !== 'none'
  }

  /** Whether this tab runs the device. */
  get isRunning(): boolean {
    return this.#running !== null
  }

  /** As the tab that runs the device told it; null: nothing is known yet. */
  get view(): DeviceView | null {
    return this.#view
  }

  /** Why this tab could not begin with the device, though it is its turn; null: nothing failed. */
  get failure(): Error | null {
    return this.#failure
  }

  /**
   * Enrols this browser as a device, in place of the one that it was.
   *
   * @param url  base of the server's HTTP.
   * @param code one-time enrolment code.
   * @param name what the person calls this browser, 1 to 64 characters.
   * @throws DeviceError PL_PLAIN_HTTP, PL_ENROL_FAILED.
   */
  async enrol(url: string, code: string, name: string): Promise<void> {
    const credentials: Credentials = await enrol({ url, code, name })
    if (this.isEnrolled) await this.leave()
    await this.#store.enrolled(credentials)
    await navigator.storage?.persist?.().catch(() => false) // asks the browser not to evict it; it may say no
    this.#tabs.enrolled()
    await this.#begin()
  }

  /** This browser is no device any more: nothing of it stays here. The server keeps it until it is removed there. */
  async leave(): Promise<void> {
    await this.#store.clear()
    this.#tabs.left()
    this.#left()
  }

  /** Does something, here or in the tab that runs the device. @throws what the device throws; PL_STOPPED: none runs. */
  async run<Name extends CommandName>(name: Name, value: CommandValue<Name>): Promise<CommandResult<Name>> {
    if (this.#running !== null) return (await this.#runHere(name, value)) as CommandResult<Name>
    return (await this.#tabs.ask(name, value)) as CommandResult<Name>
  }

  /** Whether `askActivity` would gain anything: the browser knows the API, and has not allowed it yet. */
  get canAskActivity(): boolean {
    return this.#activity.canAsk
  }

  /** Asks the person to let this page see whether the computer is used; call it from a click. @returns whether it may. */
  askActivity(): Promise<boolean> {
    return this.#activity.ask()
  }

  /** Ends it in this tab. The server is told that the device leaves, unless another tab goes on with it. */
  async close(): Promise<void> {
    this.#page.abort()
    this.#activity.close()
    const running = this.#running
    this.#running = null
    // What goes on elsewhere must be quiet here: two on one session would throw each other out.
    if (this.#tabs.hasOthers) running?.device.suspended()
    else await running?.device.close()
    this.#release()
    this.#tabs.close()
    this.#host.close()
    this.#store.close()
  }

  /** Waits for its turn to run the device, if there is one. */
  async #begin(): Promise<void> {
    const isOne = (await this.#store.credentials()) !== null
    if (this.#role !== 'none') return
    if (isOne) {
      this.#role = 'waiting'
      this.#failure = null
      this.#store.wake()
      this.#tabs.hello()
    }
    this.#options.onChange()
    if (!isOne) return
    const lock = { signal: this.#page.signal }
    navigator.locks
      .request(`pilotlight ${this.#name}`, lock, () => this.#hold())
      .catch((error: Error) => this.#fail(error))
  }

  #fail(error: Error): void {
    if (this.#page.signal.aborted) return
    this.#failure = error
    this.#options.onChange()
  }

  /** Runs the device as long as the lock is held. */
  async #hold(): Promise<void> {
    const credentials = await this.#store.credentials()
    if (credentials === null || this.#role !== 'waiting') return
    const { channel, keepaliveS, deviceClass } = this.#options
    const thresholds = await this.#store.thresholds()
    const device = await connect({
      credentials,
      storage: this.#store,
      host: this.#host,
      ...(channel === undefined ? {} : { channel }),
      ...(keepaliveS === undefined ? {} : { keepaliveS }),
      ...(deviceClass === undefined ? {} : { deviceClass }),
    })
    const released = new Promise<void>((resolve) => {
      this.#release = resolve
    })
    this.#running = new RunningDevice(device, credentials.deviceId, this.#store, thresholds, () => this.#tellView())
    this.#role = 'running'
    this.#tabs.hello()
    this.#running.setState(this.#activityState)
    await released
  }

  #tellView(): void {
    if (this.#running === null) return
    this.#view = this.#running.view
    this.#tabs.view(this.#view)
    this.#options.onChange()
  }

  #takeView(view: DeviceView): void {
    if (this.#running !== null) return
    this.#view = view
    this.#options.onChange()
  }

  #setState(state: 'active' | 'idle'): void {
    this.#activityState = state
    this.#running?.setState(state)
  }

  async #runHere(name: CommandName, value: unknown): Promise<unknown> {
    if (this.#running === null) throw new DeviceError('PL_STOPPED')
    return (this.#running.commands[name] as (value: unknown) => Promise<unknown>)(value)
  }

  #left(): void {
    const running = this.#running
    this.#running = null
    this.#role = 'none'
    this.#view = null
    this.#store.rest()
    void running?.device.close()
    this.#release()
    this.#options.onChange()
  }

  #watchPage(): void {
    const { signal } = this.#page
    const on = (target: EventTarget, name: string, run: (device: RunningDevice['device']) => void) => {
      const listener = () => {
        if (this.#running !== null) run(this.#running.device)
      }
      target.addEventListener(name, listener, { signal })
    }
    on(globalThis, 'online', (device) => device.networkChanged(browserNetwork()))
    on(globalThis, 'offline', (device) => device.networkChanged(null))
    on(document, 'freeze', (device) => device.suspended())
    on(document, 'resume', (device) => device.resumed())
    on(document, 'visibilitychange', (device) => {
      if (document.visibilityState === 'visible') device.resumed()
    })
    // The last datagram goes out before the page is gone; nothing after this line is sure to run.
    addEventListener('pagehide', () => void this.close(), { signal })
  }
}
