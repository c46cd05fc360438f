/** Rings: what rings now, with a countdown, also where nobody looks; how it ended; what was missed. */
import type { DeviceView, RingView } from '../client/browser/index.js'
import type { MissedRing } from '../client/event.js'
import { actionUrl } from './action-url.js'
import { Alerts } from './alerts.js'
import type { AppNames } from './app-names.js'
import { made, part, Rows, say, show } from './dom.js'
import type { Panel, Section } from './panel.js'

/** A countdown shows whole seconds. */
const TICK_MS = 250

export class Rings implements Section {
  readonly #panel: Panel
  readonly #names: AppNames
  readonly #ringing: Rows<RingView>
  readonly #missed: Rows<MissedRing>
  readonly #alerts = new Alerts(() => this.#tellShown())
  readonly #pageTitle = document.title
  /** rings that this tab told of, until they end */
  readonly #met = new Set<string>()
  #rings: readonly RingView[] = []
  #ticking: ReturnType<typeof setInterval> | null = null
  #lastEnd = ''

  constructor(panel: Panel, names: AppNames) {
    const { root, device } = panel
    this.#panel = panel
    this.#names = names
    this.#ringing = new Rows(
      part(root, 'rings'),
      (ring) => this.#makeRing(ring),
      (row, ring) => this.#countDown(row, ring),
    )
    this.#missed = new Rows(
      part(root, 'missed'),
      (missed) => this.#makeMissed(missed),
      () => {},
    )
    part(root, 'clear-missed').addEventListener('click', () => {
      void panel.attempt(() => device.run('clearMissed', { ring: null }))
    })
  }

  show({ rings, ended, missed }: DeviceView): void {
    this.#rings = rings
    this.#ringing.show(rings, ({ ring }) => ring)
    this.#meet(rings)
    this.#missed.show(missed, ({ ring }) => ring)
    const { root } = this.#panel
    show(root, 'no-missed', missed.length === 0)
    show(root, 'clear-missed', missed.length > 0)
    this.#tellEnd(ended[0])
    const first = rings[0]
    document.title = first === undefined ? this.#pageTitle : this.#panel.words('ringing', { title: first.title })
    if (rings.length > 0) this.#ticking ??= setInterval(() => this.#tick(), TICK_MS)
    else this.#stopTicking()
  }

  /** Rings that are new are told to who looks; where nobody does, by a notification of the tab that runs the device. */
  #meet(rings: readonly RingView[]): void {
    for (const ring of this.#met) {
      if (rings.some((open) => open.ring === ring)) continue
      this.#met.delete(ring)
      this.#alerts.close(ring)
    }
    const isSeen = document.visibilityState === 'visible'
    if (!isSeen && !this.#panel.device.isRunning) return // the tab that runs the device does it, and this one when it takes over
    const fresh = rings.filter(({ ring }) => !this.#met.has(ring))
    for (const { ring } of fresh) this.#met.add(ring)
    if (isSeen) this.#tellShown(fresh)
    else for (const ring of fresh) void this.#alert(ring)
  }

  /** The person sees these rings now. */
  #tellShown(rings = this.#rings): void {
    for (const { ring } of rings) this.#panel.device.run('shown', { ring }).catch(() => {}) // it may be over by now
  }

  async #alert({ ring, app, title, body }: RingView): Promise<void> {
    const [name, isSeen] = await Promise.all([this.#names.nameOf(app), this.#alerts.isSeen()])
    if (isSeen || !this.#met.has(ring)) return
    const from = name ?? `app_${app}`
    const isShown = await this.#alerts.raise(ring, { title, body: body === '' ? from : `${from}: ${body}` })
    if (isShown) this.#tellShown(this.#rings.filter((open) => open.ring === ring))
  }

  #stopTicking(): void {
    if (this.#ticking !== null) clearInterval(this.#ticking)
    this.#ticking = null
  }

  #tick(): void {
    this.#ringing.show(this.#rings, ({ ring }) => ring)
  }

  #makeRing({ ring, app, title, body, url }: RingView): HTMLElement {
    const row = made(this.#panel.root, 'ring')
    row.dataset['ring'] = ring
    say(row, 'ring-title', title)
    say(row, 'ring-body', body)
    this.#names.fill(part(row, 'ring-app'), app)
    const address = actionUrl(url)
    say(row, 'ring-url', address === null ? '' : address.host)
    part(row, 'accept').addEventListener('click', () => this.#accept(ring, address))
    part(row, 'dismiss').addEventListener('click', () => this.#answer(row, () => this.#run('dismiss', ring)))
    return row
  }

  /** The window opens in the click, or the browser would block it; it leads on when the server says that this device was first. */
  #accept(ring: string, address: URL | null): void {
    const row = this.#rowOf(ring)
    const opened = address === null ? null : open('about:blank', '_blank')
    if (opened !== null) opened.opener = null
    this.#answer(row, async () => {
      const outcome = await this.#run('accept', ring)
      if (address === null) return
      if (outcome !== 'accepted') opened?.close()
      else if (opened !== null) opened.location.replace(address.href)
      else location.assign(address.href) // pop-ups are blocked here
    })
  }

  #rowOf(ring: string): HTMLElement | null {
    return this.#panel.root.querySelector(`[data-ring="${CSS.escape(ring)}"]`)
  }

  #run(verdict: 'accept' | 'dismiss', ring: string) {
    return this.#panel.device.run(verdict, { ring })
  }

  /** One answer: buttons are off until the ring has ended. */
  #answer(row: HTMLElement | null, deed: () => Promise<unknown>): void {
    for (const button of row?.querySelectorAll('button') ?? []) button.disabled = true
    void this.#panel.attempt(deed)
  }

  #countDown(row: HTMLElement, { untilMs }: RingView): void {
    const seconds = Math.max(0, Math.ceil((untilMs - Date.now()) / 1000))
    say(row, 'ring-left', this.#panel.words('left', { n: seconds }))
  }

  #tellEnd(end: DeviceView['ended'][number] | undefined): void {
    if (end === undefined || end.ring === this.#lastEnd) return
    this.#lastEnd = end.ring
    say(this.#panel.root, 'ring-ended', this.#panel.words(`ended-${end.outcome}`, { title: end.title }))
  }

  #makeMissed({ ring, app, title, body, deadlineMs }: MissedRing): HTMLElement {
    const row = made(this.#panel.root, 'missed')
    say(row, 'missed-title', title)
    say(row, 'missed-body', body)
    this.#names.fill(part(row, 'missed-app'), app)
    const time = part<HTMLTimeElement>(row, 'missed-time')
    time.dateTime = new Date(deadlineMs).toISOString()
    time.textContent = new Date(deadlineMs).toLocaleString(document.documentElement.lang || undefined, {
      dateStyle: 'short',
      timeStyle: 'short',
    })
    part(row, 'forget-missed').addEventListener('click', () => {
      void this.#panel.attempt(() => this.#panel.device.run('clearMissed', { ring }))
    })
    return row
  }
}
