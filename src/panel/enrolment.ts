/** Whether this browser is a device, and how it becomes one; its list key, and those of other new devices. */
import type { DeviceView } from '../client/browser/index.js'
import { Alerts } from './alerts.js'
import { made, part, Rows, say, show } from './dom.js'
import type { Panel, Section } from './panel.js'

export class Enrolment implements Section {
  readonly #panel: Panel
  readonly #offers: Rows<DeviceView['offers'][number]>

  constructor(panel: Panel) {
    const { root, device } = panel
    this.#panel = panel
    this.#offers = new Rows(
      part(root, 'offers'),
      (offer) => this.#makeOffer(offer),
      () => {},
    )
    const form = part<HTMLFormElement>(root, 'enrol')
    form.addEventListener('submit', (event) => {
      event.preventDefault()
      const name = String(new FormData(form).get('name')).trim()
      void panel.attempt(() => this.#enrol(name), 'enrolled')
    })
    this.#onceSure('new-list', () => panel.attempt(() => device.run('startNewList', null), 'saved'))
    this.#onceSure('leave', () => panel.attempt(() => device.leave(), 'left-here'))
    part(root, 'enrol-again').addEventListener('click', () => void panel.attempt(() => device.leave()))
    part(root, 'ask-activity').addEventListener('click', () => {
      void panel.attempt(() => device.askActivity()).then(() => this.update())
    })
    part(root, 'ring-me').addEventListener('click', () => {
      void panel.attempt(() => panel.post(panel.setting('ringUrl')))
    })
    part(root, 'ask-alerts').addEventListener('click', () => {
      void panel.attempt(() => Alerts.ask()).then(() => this.update())
    })
  }

  /** What cannot be undone is asked for twice, in the words of its button. */
  #onceSure(name: string, deed: () => Promise<void>): void {
    const button = part(this.#panel.root, name)
    button.addEventListener('click', () => {
      if (confirm(`${button.textContent}?`)) void deed()
    })
  }

  /** Also without a view: of a browser that is no device, or whose device is not heard of yet. */
  update(): void {
    const { root, device } = this.#panel
    show(root, 'ask-activity', device.canAskActivity)
    show(root, 'ask-alerts', Alerts.canAsk)
    show(root, 'unenrolled', !device.isEnrolled)
    show(root, 'device', device.isEnrolled)
    if (device.view === null) for (const name of ['device', 'contact', 'runs']) delete root.dataset[name]
    if (device.failure !== null) this.#panel.tell(this.#panel.words('failed', { why: device.failure.message }))
  }

  show({ isOnline, offers, listCode, fault, deviceId, state }: DeviceView): void {
    const { root, words, device } = this.#panel
    root.dataset['device'] = deviceId
    root.dataset['contact'] = isOnline ? 'online' : 'none'
    root.dataset['runs'] = device.isRunning ? 'here' : 'elsewhere'
    say(root, 'contact', words(isOnline ? `contact-${state}` : 'contact-none'))
    show(root, 'elsewhere', !device.isRunning)
    say(root, 'fault', fault === null ? '' : fault.message)
    show(root, 'fault', fault !== null)
    show(root, 'enrol-again', fault?.isFinal === true)
    show(root, 'list-wanted', listCode !== null)
    say(root, 'list-code', listCode ?? '')
    this.#offers.show(offers, ({ request, code }) => `${request} ${code}`)
  }

  /** A signed-in person needs no code: the server gives this page one, for this once. */
  async #enrol(name: string): Promise<void> {
    const { code } = await this.#panel.post(this.#panel.setting('codeUrl'))
    await this.#panel.device.enrol(location.origin, String(code), name)
  }

  #makeOffer({ request, name, code }: DeviceView['offers'][number]): HTMLElement {
    const row = made(this.#panel.root, 'offer')
    say(row, 'offer-name', name)
    say(row, 'offer-code', code)
    part(row, 'offer-confirm').addEventListener('click', () => {
      void this.#panel.attempt(() => this.#panel.device.run('confirm', { request }), 'saved')
    })
    return row
  }
}
