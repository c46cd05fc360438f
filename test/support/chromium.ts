/** A real browser for tests: Debian's Chromium, or the one that PILOTLIGHT_CHROMIUM names. */
import { existsSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'
import type { Test } from 'tap'

/** The file of the browser. */
export const CHROMIUM: string = process.env['PILOTLIGHT_CHROMIUM'] ?? '/usr/bin/chromium'

/** Nothing that the browser does by itself: no updates, no reports, no sync. */
export const FLAGS: readonly string[] = [
  '--headless=new',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Why tests with a browser are skipped here; false: they are not. */
export const noChromium: string | false = existsSync(CHROMIUM) ? false : `no ${CHROMIUM}: apt-get install chromium`

/** Starts a browser that ends with the test. One for each file is enough: contexts of it share nothing. */
export async function launchChromium(t: Test): Promise<Browser> {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: [...FLAGS] })
  t.teardown(() => browser.close())
  return browser
}

/** What goes wrong in a page: errors of scripts, and what its Content-Security-Policy refused. */
export function faultsOf(page: Page): string[] {
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error' && !/ERR_|WebSocket connection|status of 503/.test(message.text()))
      faults.push(message.text())
  })
  return faults
}
