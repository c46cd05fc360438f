/** What the parts of the panel share: the device, the page, and how a deed is done and told. */
import type { DeviceView, SharedDevice } from '../client/browser/index.js'
import { say, type Words } from './dom.js'

export class Panel {
  readonly root: HTMLElement
  readonly words: Words
  readonly device: SharedDevice

  constructor(root: HTMLElement, words: Words, device: SharedDevice) {
    this.root = root
    this.words = words
    this.device = device
  }

  /** A value that the server wrote on the root. */
  setting(name: string): string {
    return this.root.dataset[name] ?? ''
  }

  /** Sends a form of this page to the server. @returns what it answers, of JSON. @throws Error if it refuses. */
  async post(url: string): Promise<Record<string, unknown>> {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ csrf: this.setting('csrf') }),
      redirect: 'error',
    })
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`)
    return (await answer.json()) as Record<string, unknown>
  }

  /** Does what the person asked for; says how it went where a screen reader hears it. */
  async attempt(deed: () => Promise<unknown>, done = ''): Promise<void> {
    this.tell(this.words('working'))
    try {
      await deed()
      this.tell(done === '' ? '' : this.words(done))
    } catch (error) {
      this.tell(this.words('failed', { why: error instanceof Error ? error.message : '' }))
    }
  }

  tell(text: string): void {
    say(this.root, 'notice', text)
  }
}

/** A part of the panel. */
export interface Section {
  show(view: DeviceView): void
}
