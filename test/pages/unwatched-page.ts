/** A page that the browser takes for hidden when another tab covers it, with all that this slows down. */
import { type Browser, type CDPSession, chromium } from 'playwright-core'
import type { Test } from 'tap'
import { nextLook } from '../e2e/command.js'
import { CHROMIUM, FLAGS } from '../support/chromium.js'

/** What Playwright tells a browser so that it does not slow hidden pages down. */
const UNSLOWED = [
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
]
/** A hidden page's timers run once a minute after a second; by itself Chromium waits five minutes. */
const SLOWED = '--enable-features=IntensiveWakeUpThrottling:grace_period_seconds/1'

/** Playwright makes its own pages pretend to be looked at, so this one is opened past it, by the DevTools protocol. */
export class UnwatchedPage {
  readonly #browser: CDPSession
  readonly #target: string
  readonly #session: string
  readonly #answers = new Map<number, (answer: Answer) => void>()
  #asked = 0

  private constructor(browser: CDPSession, target: string, session: string) {
    this.#browser = browser
    this.#target = target
    this.#session = session
    browser.on('Target.receivedMessageFromTarget', ({ sessionId, message }) => {
      if (sessionId !== session) return
      const answer = JSON.parse(message) as Answer
      this.#answers.get(answer.id)?.(answer)
    })
  }

  static async open(t: Test, url: string): Promise<UnwatchedPage> {
    const browser: Browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: [...FLAGS, SLOWED],
      ignoreDefaultArgs: UNSLOWED,
    })
    t.teardown(() => browser.close())
    const session = await browser.newBrowserCDPSession()
    const { targetId } = await session.send('Target.createTarget', { url })
    const { sessionId } = await session.send('Target.attachToTarget', { targetId, flatten: false })
    return new UnwatchedPage(session, targetId, sessionId)
  }

  /** Another tab covers it. @param url what it shows. */
  async cover(url = 'about:blank'): Promise<void> {
    const { targetId } = await this.#browser.send('Target.createTarget', { url })
    await this.#browser.send('Target.activateTarget', { targetId })
    await this.until('document.visibilityState === "hidden"')
  }

  /** It is the tab that is looked at again. */
  async uncover(): Promise<void> {
    await this.#browser.send('Target.activateTarget', { targetId: this.#target })
    await this.until('document.visibilityState === "visible"')
  }

  /** What the person answers when a page of this origin asks for notifications, or has answered. */
  async notifications(origin: string, setting: 'granted' | 'denied' | 'prompt'): Promise<void> {
    await this.#browser.send('Browser.setPermission', { permission: { name: 'notifications' }, setting, origin })
  }

  /** Runs an expression in the page. @returns its value, of JSON. */
  async evaluate(expression: string): Promise<unknown> {
    const params = { expression, awaitPromise: true, returnByValue: true, userGesture: true }
    const { result, exceptionDetails } = await this.#send('Runtime.evaluate', params)
    if (exceptionDetails !== undefined) throw new Error(exceptionDetails.exception?.description ?? 'it threw')
    return result?.value
  }

  /** The browser freezes it: nothing of it runs. Or it goes on. */
  async freeze(isFrozen: boolean): Promise<void> {
    await this.#send('Page.setWebLifecycleState', { state: isFrozen ? 'frozen' : 'active' })
  }

  async #send(method: string, params: object): Promise<Result> {
    const id = ++this.#asked
    const answered = new Promise<Answer>((resolve) => this.#answers.set(id, resolve))
    const message = JSON.stringify({ id, method, params })
    await this.#browser.send('Target.sendMessageToTarget', { sessionId: this.#session, message })
    const { result, error } = await answered
    this.#answers.delete(id)
    if (error !== undefined) throw new Error(error.message)
    return result ?? {}
  }

  /** Looks until an expression, or what it promises, is true; between pages too. */
  async until(expression: string): Promise<void> {
    while (!(await this.evaluate(`Promise.resolve(${expression}).then(Boolean)`).catch(() => false))) await nextLook()
  }
}

/** What the DevTools protocol answers. */
interface Answer {
  id: number
  result?: Result
  error?: { message: string }
}

interface Result {
  result?: { value?: unknown }
  exceptionDetails?: { exception?: { description?: string } }
}
