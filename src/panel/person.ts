/** What holds for all applications: choice, messages, and when an idle person counts as away and as offline. */

import type { DeviceView } from '../client/browser/index.js'
import type { ChoiceName } from '../client/list-edit.js'
import { part } from './dom.js'
import type { Panel, Section } from './panel.js'

/** Positions of the sliders, seconds; 0 never. */
const AWAY_S = [60, 120, 300, 600, 900, 1800, 3600, 0]
const OFFLINE_S = [300, 600, 1800, 3600, 7200, 14_400, 28_800, 0]

export class Person implements Section {
  readonly #panel: Panel
  readonly #choice: HTMLFormElement
  readonly #messages: HTMLFormElement
  readonly #away: Slider
  readonly #offline: Slider

  constructor(panel: Panel) {
    const { root, device } = panel
    this.#panel = panel
    this.#choice = part(root, 'choice')
    this.#messages = part(root, 'messages')
    this.#away = new Slider(panel, 'away-after', AWAY_S, () => this.#keepThresholds())
    this.#offline = new Slider(panel, 'offline-after', OFFLINE_S, () => this.#keepThresholds())
    this.#choice.addEventListener('change', () => {
      const choice = new FormData(this.#choice).get('choice') as ChoiceName
      void panel.attempt(() => device.run('choice', { choice }), 'saved')
    })
    this.#messages.addEventListener('submit', (event) => {
      event.preventDefault()
      const fields = new FormData(this.#messages)
      const messages = { status: String(fields.get('status')), away: String(fields.get('away')) }
      void panel.attempt(() => device.run('messages', messages), 'saved')
    })
  }

  show({ choice, status, away, thresholds }: DeviceView): void {
    for (const radio of this.#choice.querySelectorAll<HTMLInputElement>('input[name="choice"]')) {
      radio.checked = radio.value === choice
    }
    this.#fill('status', status)
    this.#fill('away', away)
    this.#away.show(thresholds.awayAfterS)
    this.#offline.show(thresholds.offlineAfterS)
  }

  /** What the person types is not overwritten. */
  #fill(name: string, text: string): void {
    const input = this.#messages.elements.namedItem(name) as HTMLInputElement
    if (input.dataset['shown'] === text) return
    input.dataset['shown'] = text
    input.value = text
  }

  #keepThresholds(): void {
    const thresholds = { awayAfterS: this.#away.valueS, offlineAfterS: this.#offline.valueS }
    void this.#panel.attempt(() => this.#panel.device.run('thresholds', thresholds), 'saved')
  }
}

/** A slider whose positions are durations. */
class Slider {
  readonly #input: HTMLInputElement
  readonly #output: HTMLElement
  readonly #positions: readonly number[]
  readonly #panel: Panel

  constructor(panel: Panel, name: string, positions: readonly number[], onChange: () => void) {
    this.#panel = panel
    this.#positions = positions
    this.#input = part<HTMLInputElement>(panel.root, name)
    this.#output = part(panel.root, `${name}-text`)
    this.#input.max = `${positions.length - 1}`
    this.#input.addEventListener('input', () => this.#label())
    this.#input.addEventListener('change', onChange)
  }

  get valueS(): number {
    return this.#positions[Number(this.#input.value)] ?? 0
  }

  show(seconds: number): void {
    if (document.activeElement === this.#input && this.valueS !== seconds) return // it is being moved
    const at = this.#positions.indexOf(seconds)
    this.#input.value = `${at === -1 ? this.#positions.length - 1 : at}`
    this.#label()
  }

  #label(): void {
    const text = durationText(this.#panel, this.valueS)
    this.#output.textContent = text
    this.#input.setAttribute('aria-valuetext', text)
  }
}

/** A duration in the page's language. @param seconds 0: never. */
export function durationText({ words }: Panel, seconds: number): string {
  if (seconds === 0) return words('never')
  const minutes = Math.round(seconds / 60)
  if (seconds < 120) return words('seconds', { n: Math.round(seconds) })
  return minutes < 120 ? words('minutes', { n: minutes }) : words('hours', { n: Math.round(minutes / 60) })
}
