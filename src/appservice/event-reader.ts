/** One server-sent event. */
export interface SentEvent {
  event: string
  id: string
  data: string
}

/** Longest event that is read, characters; a longer one is an error. */
const EVENT_CHARACTERS_MAX = 4 * 1024 * 1024

/**
 * Reads server-sent events (WHATWG HTML §9.2.6) from chunks of text, wherever these are cut. Comments are left out.
 */
export class EventReader {
  #rest = ''
  #event = ''
  #id = ''
  #data: string[] = []

  /**
   * @param chunk decoded UTF-8.
   * @returns the events that are complete now.
   * @throws RangeError when an event is too long.
   */
  read(chunk: string): SentEvent[] {
    const events: SentEvent[] = []
    const lines = (this.#rest + chunk).split('\n') // our server ends lines with LF, a CR before it is cut below
    this.#rest = lines.pop() ?? ''
    if (this.#rest.length > EVENT_CHARACTERS_MAX) throw new RangeError('event too long')
    for (const line of lines) {
      const event = this.#line(line.endsWith('\r') ? line.slice(0, -1) : line)
      if (event !== null) events.push(event)
    }
    return events
  }

  #line(line: string): SentEvent | null {
    if (line === '') return this.#dispatch()
    const colon = line.indexOf(':')
    const field = colon === -1 ? line : line.slice(0, colon)
    const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1)
    if (field === 'event') this.#event = value
    else if (field === 'id') this.#id = value
    else if (field === 'data') this.#data.push(value)
    return null
  }

  #dispatch(): SentEvent | null {
    const event = { event: this.#event, id: this.#id, data: this.#data.join('\n') }
    const none = this.#data.length === 0
    this.#event = ''
    this.#data = []
    return none ? null : event
  }
}
