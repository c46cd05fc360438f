/** What this device costs: how often it wakes, and what it learnt of its network. */
import { say, show } from './dom.js'
import type { Panel } from './panel.js'
import { durationText } from './person.js'

/** The story is told anew so often, ms, while somebody looks. */
const EVERY_MS = 10_000
const DAY_S = 86_400

export class Power {
  readonly #panel: Panel

  constructor(panel: Panel) {
    this.#panel = panel
    setInterval(() => {
      if (document.visibilityState === 'visible') void this.update()
    }, EVERY_MS)
  }

  async update(): Promise<void> {
    const { root, words, device } = this.#panel
    if (!device.isEnrolled || device.view === null) return
    try {
      const { keepalive, sent, received } = await device.run('power', null)
      const every = durationText(this.#panel, keepalive.intervalS)
      say(root, 'power-interval', words(keepalive.isLearning ? 'interval-learnt' : 'interval-fixed', { every }))
      say(root, 'power-wakeups', words('wakeups', { n: Math.ceil(DAY_S / keepalive.intervalS) }))
      const [datagrams, bytes] = [sent.datagrams + received.datagrams, sent.bytes + received.bytes]
      say(root, 'power-traffic', words('traffic', { datagrams, bytes }))
      show(root, 'power', true)
    } catch {
      show(root, 'power', false) // nobody runs the device now
    }
  }
}
