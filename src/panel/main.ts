/** The script of `/panel`: this browser as a device, and what its person does with it. */
import type { SharedDevice } from '../client/browser/index.js'
import { AppNames } from './app-names.js'
import { Apps } from './apps.js'
import { part, wordsOf } from './dom.js'
import { Enrolment } from './enrolment.js'
import { Panel } from './panel.js'
import { Person } from './person.js'
import { Power } from './power.js'
import { Rings } from './rings.js'

type DeviceModule = typeof import('../client/browser/index.js')

async function main(): Promise<void> {
  const root = document.querySelector<HTMLElement>('[data-panel]')
  if (root === null) return
  const words = wordsOf(root)
  const { deviceScript = '', timerScript, channel } = root.dataset
  try {
    const { SharedDevice } = (await import(deviceScript)) as DeviceModule
    let changed: () => void = () => {}
    const device = await SharedDevice.open({
      channel: socketUrl(channel ?? ''),
      timerWorker: timerScript ?? null,
      onChange: () => changed(),
    })
    changed = sectionsOf(new Panel(root, words, device))
    changed()
  } catch (error) {
    part(root, 'notice').textContent = words('no-device', { why: error instanceof Error ? error.message : '' })
  }
  // A page that comes back from the browser's memory has given its device away.
  addEventListener('pageshow', ({ persisted }) => {
    if (persisted) location.reload()
  })
}

/** @returns shows what the device tells. */
function sectionsOf(panel: Panel): () => void {
  const names = new AppNames(panel.setting('namesUrl'), panel.words('server'))
  const enrolment = new Enrolment(panel)
  const power = new Power(panel)
  const sections = [enrolment, new Person(panel), new Rings(panel, names), new Apps(panel, names)]
  return () => {
    const { view }: SharedDevice = panel.device
    enrolment.update()
    if (view === null) return
    for (const section of sections) section.show(view)
    void power.update()
  }
}

/** The channel of the server that the page came from: `connect-src 'self'` allows no other. */
function socketUrl(path: string): URL {
  const url = new URL(path, location.href)
  url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:'
  return url
}

void main()
