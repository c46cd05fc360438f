/** A real server in this process, with persons, and a real browser. */
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import type { Test } from 'tap'
import type { Server } from '../../src/io/server.js'
import { openStore } from '../../src/store/open.js'
import { newFolder } from '../store/folder.js'
import { startLocalServer } from '../support/local-server.js'
import { ROOT } from '../support/root.js'

/** Where pictures are kept for people to look at. */
const SCREENS = join(ROOT, 'build-screens')

/** A server with one-time codes of a person. */
export interface House {
  server: Server
  url: string
  folder: string
  account: string
  /** one-time codes */
  codes: string[]
}

/** Starts one. @param codes how many codes the person gets. */
export async function openHouse(t: Test, codes: number): Promise<House> {
  const folder = newFolder(t)
  const store = await openStore({ folder, crypto: 'noble' })
  const { account } = await store.addAccount('Ada', Date.now())
  const made: string[] = []
  for (let i = 0; i < codes; i++) made.push(String(await store.addEnrolmentCode(account, Date.now(), 900_000)))
  await store.close()
  const server = await startLocalServer(folder, { webhooksToPrivate: true })
  t.teardown(() => server.stop().catch(() => {}))
  return { server, url: server.http[0] ?? '', folder, account, codes: made }
}

/** Keeps a picture of what a person sees at first. */
export async function firstView(page: Page, name: string): Promise<void> {
  mkdirSync(SCREENS, { recursive: true })
  await page.screenshot({ path: join(SCREENS, `${name}.png`) })
}

/** Keeps a picture of the whole page: on a screen that is high enough, so that what sticks to its edge covers nothing. */
export async function picture(page: Page, name: string): Promise<void> {
  const size = page.viewportSize() ?? { width: 0, height: 0 }
  const height = Number(await page.evaluate('document.documentElement.scrollHeight'))
  await page.setViewportSize({ ...size, height })
  await firstView(page, name)
  await page.setViewportSize(size)
}

const AXE = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8')

/** What axe-core finds wrong with the page, one line for each place. The page's policy must be bypassed for it. */
export async function faults(page: Page): Promise<string[]> {
  await page.evaluate(AXE)
  const found = await page.evaluate(
    'axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] })',
  )
  const { violations } = found as { violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
  )
}
