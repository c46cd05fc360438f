/** Parts of `pilotlight/client/browser` on a page that is made up: what a real browser cannot be made to do in a test. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { ROOT } from '../support/root.js'

interface Timer {
  ms: number
  run: () => void
}

/** As the built files export them; they are compiled with the DOM, this test is not. */
interface BrowserModules {
  Activity: new (options: object) => { used(): void; close(): void; canAsk: boolean }
  browserHost(worker: string | null): { setTimer(ms: number, run: () => void): () => void }
}

async function built(): Promise<BrowserModules> {
  const url = (name: string) => pathToFileURL(join(ROOT, 'dist/client/browser', name)).href
  const { Activity } = await import(url('activity.js'))
  const { browserHost } = await import(url('browser-host.js'))
  return { Activity, browserHost }
}

/** Puts names into the global object until the test ends. */
function globals(test: { teardown(end: () => void): void }, values: Record<string, unknown>): void {
  for (const [name, value] of Object.entries(values)) {
    const before = Object.getOwnPropertyDescriptor(globalThis, name)
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true })
    test.teardown(() => {
      if (before === undefined) delete (globalThis as Record<string, unknown>)[name]
      else Object.defineProperty(globalThis, name, before)
    })
  }
}

t.test('without the Idle Detection API the input of the page says whether the person is there', async (t) => {
  const { Activity } = await built()
  const page = new EventTarget()
  const shown = Object.assign(new EventTarget(), { visibilityState: 'visible' })
  let nowMs = 0
  globals(t, {
    addEventListener: page.addEventListener.bind(page),
    document: shown,
    performance: { now: () => nowMs },
  })
  const said: string[] = []
  let inputs = 0
  const timers = new Set<Timer>()
  const setTimer = (ms: number, run: () => void) => {
    const timer = { ms, run }
    timers.add(timer)
    return () => timers.delete(timer)
  }
  const onInput = () => inputs++
  const activity = new Activity({ onChange: (state: string) => said.push(state), setTimer, onInput })
  const quiet = () => {
    t.equal(timers.size, 1, 'one timer at a time')
    for (const timer of [...timers]) {
      t.equal(timer.ms, 60_000)
      timers.delete(timer)
      timer.run()
    }
  }
  t.same(said, ['active'])
  t.equal(activity.canAsk, false)
  quiet()
  t.same(said, ['active', 'idle'])
  page.dispatchEvent(new Event('keydown'))
  t.same(said, ['active', 'idle', 'active'])
  page.dispatchEvent(new Event('pointermove'))
  t.equal(inputs, 1, 'at most once in 5 s')
  nowMs += 5000
  page.dispatchEvent(new Event('pointermove'))
  t.equal(inputs, 2)
  quiet()
  shown.visibilityState = 'hidden'
  nowMs += 60_000
  page.dispatchEvent(new Event('focus'))
  t.equal(said.at(-1), 'idle', 'nobody looks at a hidden page')
  activity.used()
  t.equal(said.at(-1), 'active', 'another tab was used')
  activity.close()
  t.equal(timers.size, 0)
})

t.test('timers run in the worker; when it cannot be loaded, in the page', async (t) => {
  const { browserHost } = await built()
  const posted: unknown[] = []
  class FakeWorker {
    static last: FakeWorker
    onmessage: (event: { data: number }) => void = () => {}
    onerror: () => void = () => {}
    constructor() {
      FakeWorker.last = this
    }
    postMessage(message: unknown): void {
      posted.push(message)
    }
  }
  const timers: Timer[] = []
  globals(t, {
    Worker: FakeWorker,
    setTimeout: (run: () => void, ms: number) => timers.push({ ms, run }),
    clearTimeout: (id: number) => timers.splice(id - 1, 1),
  })
  const host = browserHost('/timers.js')
  const ran: string[] = []
  host.setTimer(10, () => ran.push('first'))
  host.setTimer(20, () => ran.push('cancelled'))()
  host.setTimer(30, () => ran.push('late'))
  t.same(posted, [[1, 10], [2, 20], [2], [3, 30]])
  t.equal(timers.length, 0, 'none in the page')
  FakeWorker.last.onmessage({ data: 1 })
  FakeWorker.last.onmessage({ data: 2 })
  t.same(ran, ['first'])
  FakeWorker.last.onerror()
  t.same(
    timers.map(({ ms }) => ms),
    [30],
  )
  host.setTimer(40, () => ran.push('later'))
  t.same(
    timers.map(({ ms }) => ms),
    [30, 40],
  )
  for (const { run } of timers) run()
  t.same(ran, ['first', 'late', 'later'])
  t.equal(posted.length, 4)
})
