/** At what hours an application sees the person. */
import type { Window } from '../frame/person-list.js'
import { part, say } from './dom.js'
import type { Panel } from './panel.js'

const DAYS_ALL = 127
const MINUTES_OF_HOUR = 60

export class Hours {
  readonly #panel: Panel
  readonly #row: HTMLElement
  readonly #app: string
  readonly #form: HTMLFormElement
  #hours: readonly Window[] = []
  #zone = ''

  constructor(panel: Panel, row: HTMLElement, app: string) {
    this.#panel = panel
    this.#row = row
    this.#app = app
    this.#form = part(row, 'hours-form')
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault()
      const added = this.#read()
      if (added !== null) this.#keep([...this.#hours, added])
    })
    part(row, 'hours-always').addEventListener('click', () => this.#keep([]))
  }

  show(hours: readonly Window[], zone: string): void {
    this.#hours = hours
    this.#zone = zone
    const { words } = this.#panel
    const texts = hours.map(({ days, start, end }) =>
      words('hours-window', { days: this.#daysText(days), start: timeText(start), end: timeText(end) }),
    )
    say(this.#row, 'hours-text', texts.length === 0 ? words('hours-all') : texts.join('; '))
    say(this.#row, 'hours-zone', hours.length === 0 ? '' : zone || 'UTC')
    part(this.#row, 'hours-always').hidden = hours.length === 0
  }

  /** Hours are those of the list's zone; the first ones set it to that of this browser. */
  #keep(hours: readonly Window[]): void {
    const { device } = this.#panel
    void this.#panel.attempt(async () => {
      const zone = Intl.DateTimeFormat().resolvedOptions().timeZone ?? ''
      if (hours.length > 0 && this.#zone === '' && zone !== '') await device.run('zone', { zone })
      await device.run('allow', { app: this.#app, hours: [...hours] })
    }, 'saved')
  }

  #read(): Window | null {
    const fields = new FormData(this.#form)
    const start = minuteOf(String(fields.get('start')))
    const end = minuteOf(String(fields.get('end')))
    const days = fields.getAll('day').reduce((bits, day) => bits | (1 << Number(day)), 0)
    return start === null || end === null ? null : { days: days === 0 ? DAYS_ALL : days, start, end }
  }

  #daysText(days: number): string {
    if (days === DAYS_ALL) return this.#panel.words('every-day')
    return [0, 1, 2, 3, 4, 5, 6]
      .filter((day) => (days & (1 << day)) !== 0)
      .map((day) => this.#panel.words(`day-${day}`))
      .join(' ')
  }
}

/** `21:30` as a minute of the day; null if it is no time. */
function minuteOf(text: string): number | null {
  const match = /^(\d{2}):(\d{2})/.exec(text)
  return match === null ? null : Number(match[1]) * MINUTES_OF_HOUR + Number(match[2])
}

function timeText(minute: number): string {
  const two = (number: number) => String(number).padStart(2, '0')
  return `${two(Math.floor(minute / MINUTES_OF_HOUR))}:${two(minute % MINUTES_OF_HOUR)}`
}
