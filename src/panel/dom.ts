/** The page that the server made: its parts, templates and words. Text goes in by `textContent` alone. */

/** Where something is shown: the page, or what was made of a template. */
export type Place = ParentNode

/** The element `[data-part=name]`. @throws Error if the page has none: it is of another version than this script. */
export function part<Kind extends HTMLElement = HTMLElement>(place: Place, name: string): Kind {
  const found = place.querySelector<Kind>(`[data-part="${name}"]`)
  if (found === null) throw new Error(`the page has no part ${name}`)
  return found
}

/** Shows or hides a part. */
export function show(place: Place, name: string, isShown: boolean): void {
  part(place, name).hidden = !isShown
}

/** Sets the text of a part. What did not change is left alone: a screen reader would read it again. */
export function say(place: Place, name: string, text: string): void {
  const element = part(place, name)
  if (element.textContent !== text) element.textContent = text
}

/** A fresh element of `template[data-template=name]`, which has one child. */
export function made(place: Place, name: string): HTMLElement {
  const template = place.querySelector<HTMLTemplateElement>(`template[data-template="${name}"]`)
  const copy = template?.content.firstElementChild?.cloneNode(true)
  if (!(copy instanceof HTMLElement)) throw new Error(`the page has no template ${name}`)
  return copy
}

/** The words of the page's language: `[data-word=key]`, `{name}` stands for a value. */
export type Words = (key: string, values?: Readonly<Record<string, string | number>>) => string

export function wordsOf(place: Place): Words {
  const found = new Map<string, string>()
  for (const element of place.querySelectorAll<HTMLElement>('[data-word]')) {
    found.set(element.dataset['word'] ?? '', element.textContent ?? '')
  }
  return (key, values = {}) => (found.get(key) ?? key).replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ''))
}

/** Rows of a list by key: each is made once and stays, so that focus and open details do too. */
export class Rows<Value> {
  readonly #list: HTMLElement
  readonly #make: (value: Value) => HTMLElement
  readonly #update: (row: HTMLElement, value: Value) => void
  readonly #rows = new Map<string, HTMLElement>()

  constructor(
    list: HTMLElement,
    make: (value: Value) => HTMLElement,
    update: (row: HTMLElement, value: Value) => void,
  ) {
    this.#list = list
    this.#make = make
    this.#update = update
  }

  show(values: readonly Value[], keyOf: (value: Value) => string): void {
    const keys = new Set(values.map(keyOf))
    for (const [key, row] of this.#rows) {
      if (keys.has(key)) continue
      row.remove()
      this.#rows.delete(key)
    }
    let before: Element | null = null
    for (const value of values) {
      const key = keyOf(value)
      const row = this.#rows.get(key) ?? this.#make(value)
      this.#rows.set(key, row)
      const place: Element | null = before === null ? this.#list.firstElementChild : before.nextElementSibling
      if (place !== row) this.#list.insertBefore(row, place)
      this.#update(row, value)
      before = row
    }
  }
}
