/** The panel in a real browser, as a device of a real server: each step goes on from the one before. */
import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Browser, BrowserContext, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { AppService } from '../../src/appservice/index.js'
import { folderOf, HANGS_MS, nextLook, PersonWatch } from '../e2e/command.js'
import { pilotlight, ServerProcess } from '../e2e/process.js'
import { faultsOf, launchChromium, noChromium } from '../support/chromium.js'
import { faults, picture } from './house.js'

const CALLBACK = 'https://chat.example/cb'
const SCRIPT = '<img src=x onerror="document.title=1">'

/** A browser profile of Ada's, signed in, with the panel open. */
class Profile {
  readonly context: BrowserContext
  readonly page: Page
  readonly faults: string[]

  constructor(context: BrowserContext, page: Page) {
    this.context = context
    this.page = page
    this.faults = faultsOf(page)
    // What asks whether one is sure is told so.
    context.on('dialog', (dialog) => void dialog.accept())
  }

  static async open(browser: Browser, url: string, code: string): Promise<Profile> {
    const profile = await Profile.new(browser)
    await profile.page.goto(`${url}/sign-in?next=/panel`)
    await profile.page.fill('input[name=code]', code)
    await profile.page.click('form[action="/sign-in"] button')
    await profile.page.waitForURL(`${url}/panel`)
    return profile
  }

  static async new(browser: Browser): Promise<Profile> {
    const context = await browser.newContext({ locale: 'en' })
    context.setDefaultTimeout(HANGS_MS)
    return new Profile(context, await context.newPage())
  }

  /** Another profile, in which the person of this one was signed in before, signs in by a ring that this one accepts. */
  async letIn(t: Test, browser: Browser, url: string): Promise<Profile> {
    const other = await Profile.new(browser)
    const known = (await this.context.cookies()).filter(({ name }) => name === 'pilotlight_known')
    await other.context.addCookies(known)
    await other.page.goto(`${url}/sign-in?next=/panel`)
    t.strictSame(await faults(other.page), [])
    await other.page.getByText('Confirm on one of your devices').click()
    const number = await other.page.locator('.big').innerText()
    t.strictSame(await faults(other.page), [])
    await this.says('ring-title', `Number ${number}`)
    await this.says('ring-app', 'This server')
    await this.page.click('[data-part=accept]')
    await other.page.waitForURL(`${url}/panel`)
    await this.says('ring-ended', 'was accepted.')
    return other
  }

  part(name: string, page: Page = this.page) {
    return page.locator(`[data-part="${name}"]`)
  }

  async enrol(name: string): Promise<void> {
    await this.page.fill('input[name=name]', name)
    await this.page.click('[data-part=enrol] button')
    await this.online()
  }

  online(page: Page = this.page): Promise<void> {
    return page.locator('[data-panel][data-contact=online]').waitFor()
  }

  /** Waits until a part says this. */
  says(name: string, text: string, page: Page = this.page): Promise<void> {
    return this.part(name, page).filter({ hasText: text }).first().waitFor()
  }

  /** Presses a button of a part. */
  press(name: string, page: Page = this.page): Promise<void> {
    return this.part(name, page).click()
  }
}

/** Reads the database as a script of the page could. */
const LOOK = `(async () => {
  const result = (request) => new Promise((resolve) => { request.onsuccess = () => resolve(request.result) })
  const database = await result(indexedDB.open('pilotlight'))
  const key = await result(database.transaction('keys').objectStore('keys').get('seal'))
  const exported = await crypto.subtle.exportKey('raw', key).then(() => 'read', ({ name }) => name)
  const sealed = database.transaction('sealed').objectStore('sealed')
  const [names, values] = await Promise.all([result(sealed.getAllKeys()), result(sealed.getAll())])
  database.close()
  const texts = Object.fromEntries(names.map((name, at) => [name, String.fromCharCode(...values[at])]))
  return { extractable: key.extractable, exported, texts }
})()`

/** The person agrees to an application, in another tab. @returns the pseudonym. */
async function consented(context: BrowserContext, url: string, app: string): Promise<string> {
  const verifier = randomBytes(32).toString('base64url')
  const challenge = createHash('sha256').update(verifier).digest('base64url')
  const asked = { response_type: 'code', client_id: app, redirect_uri: CALLBACK, state: 's' }
  const proof = { code_challenge: challenge, code_challenge_method: 'S256' }
  const door = await context.newPage()
  await door.goto(`${url}/authorize?${new URLSearchParams({ ...asked, ...proof })}`)
  const back = door.waitForRequest((request) => request.url().startsWith(CALLBACK))
  await door.click('button[value=allow]')
  const given = new URL((await back).url()).searchParams.get('code') ?? ''
  await door.close()
  const fields = { grant_type: 'authorization_code', client_id: app, redirect_uri: CALLBACK, code: given }
  const exchange = new URLSearchParams({ ...fields, code_verifier: verifier })
  const answer = await fetch(`${url}/oauth/token`, { method: 'POST', body: exchange })
  return ((await answer.json()) as { puid: string }).puid
}

async function handshakes(server: ServerProcess): Promise<number> {
  return Number(/^pilotlight_handshakes_total (\d+)$/m.exec(await server.metrics())?.[1])
}

/** Registers an application on the developers' page. @returns its id, and a live key. */
async function registered(page: Page, url: string): Promise<{ app: string; apiKey: string }> {
  await page.goto(`${url}/developers`)
  await page.fill('#name', `Chat ${SCRIPT}`)
  await page.fill('#uris', CALLBACK)
  await page.click('main button')
  const app = await page.innerText('h1 + .fine code')
  await page.click('text=New key')
  await page.check('[value=live]')
  await page.click('text=Make a key')
  const apiKey = await page.innerText('[data-once=key]')
  await page.goto(`${url}/panel`)
  return { app, apiKey }
}

async function started(t: Test) {
  const folder = folderOf(t)
  const server = new ServerProcess(join(folder, 'server'))
  t.teardown(() => server.end('SIGKILL'))
  await server.start()
  const place = ['--data', join(folder, 'server')]
  const { code = '' } = await pilotlight('account', 'add', 'Ada', ...place)
  const browser = await launchChromium(t)
  const ada = await Profile.open(browser, server.url, code)
  const { app, apiKey } = await registered(ada.page, server.url)
  return { server, browser, ada, app, service: new AppService({ url: server.url, apiKey }) }
}

/** Waits until this rings in a page. */
function rings(page: Page, title: string): Promise<void> {
  return page.locator('[data-part=ring-title]').filter({ hasText: title }).waitFor()
}

/** Looks until it is so. */
async function until(look: () => Promise<boolean>): Promise<void> {
  while (!(await look())) await nextLook()
}

t.test('a browser is a device', { skip: noChromium, timeout: HANGS_MS }, async (t) => {
  const { server, browser, ada, app, service } = await started(t)

  await ada.enrol('Firefox at home')
  t.equal(await ada.part('no-apps').isVisible(), true, 'nobody sees her at first')
  const puid = await consented(ada.context, server.url, app)
  await ada.says('app-name', `Chat ${SCRIPT}`)
  t.equal(await ada.part('app-sight').innerText(), 'sees you')
  const watch = new PersonWatch(t, service, puid)
  await watch.until('online')
  t.equal(await handshakes(server), 1)

  t.comment('what is kept is sealed, under a key that no script can read; timers run in a worker')
  const kept = await ada.page.evaluate<{ extractable: boolean; exported: string; texts: Record<string, string> }>(LOOK)
  t.strictSame(kept.extractable, false)
  t.equal(kept.exported, 'InvalidAccessError')
  t.strictSame(Object.keys(kept.texts).sort(), ['credentials', 'state'])
  for (const text of Object.values(kept.texts)) t.notMatch(text, /psk|secretKey|deviceId|"form"/)
  t.equal(ada.page.workers().length, 1)

  t.comment('what she changes reaches the application')
  await ada.page.check('input[value=unavailable]')
  await watch.until('unavailable')
  await ada.page.check('input[value=invisible]')
  await watch.until('offline')
  await ada.page.check('input[value=available]')
  await watch.until('online')
  await ada.page.locator('[data-app] summary').click()
  await ada.part('app-appear-offline').check()
  await watch.until('offline')
  await ada.part('app-appear-offline').uncheck()
  await watch.until('online')
  await ada.part('app-share-messages').check()
  await ada.page.fill('input[name=status]', SCRIPT)
  await ada.page.click('[data-part=messages] button')
  await until(async () => JSON.stringify(await service.presence(puid)).includes('onerror'))
  await ada.part('app-visible').uncheck()
  await watch.until('offline')
  await ada.part('app-visible').check()
  await watch.until('online')

  t.equal(await ada.part('away-after-text').innerText(), '5 min', 'as the server takes it by itself')
  await ada.part('away-after').fill('4')
  t.equal(await ada.part('away-after').getAttribute('aria-valuetext'), '15 min')
  await ada.page.getByText('away after 15 min, never offline').waitFor()

  t.comment('hours')
  const form = ada.part('hours-form')
  for (const day of [2, 3, 4, 5, 6]) await form.locator(`[name=day][value="${day}"]`).uncheck()
  await ada.page.fill('[name=start]', '21:00')
  await ada.page.fill('[name=end]', '23:00')
  await ada.page.click('[data-part=hours-form] button >> nth=0')
  await ada.says('hours-text', 'Mon Tue, 21:00 to 23:00')
  await ada.page.click('[data-part=hours-always]')
  await ada.says('hours-text', 'At all hours')
  await watch.until('online')

  t.comment('the computer is used, or not')
  const devtools = await ada.context.newCDPSession(ada.page)
  const { browserContextId = '' } = (await devtools.send('Target.getTargetInfo')).targetInfo
  const grant = { permissions: ['idleDetection' as const], origin: server.url, browserContextId }
  await (await browser.newBrowserCDPSession()).send('Browser.grantPermissions', grant)
  await devtools.send('Emulation.setIdleOverride', { isUserActive: true, isScreenUnlocked: true })
  await ada.page.click('[data-part=ask-activity]')
  await ada.says('contact', 'you are here')
  await devtools.send('Emulation.setIdleOverride', { isUserActive: false, isScreenUnlocked: true })
  await ada.says('contact', 'idle')
  await devtools.send('Emulation.setIdleOverride', { isUserActive: true, isScreenUnlocked: true })
  await ada.says('contact', 'you are here')

  t.comment('a ring: what its sender wrote is text; Accept opens its address, which cannot reach back')
  const url = `${server.url}/healthz`
  const ring = await service.ring({ to: puid, title: SCRIPT, body: SCRIPT, url, deadlineSeconds: 120 })
  await ada.says('ring-title', SCRIPT)
  t.match(await ada.page.title(), `Ringing: ${SCRIPT}`)
  for (const width of [320, 1100]) {
    for (const colorScheme of ['dark', 'light'] as const) {
      await ada.page.setViewportSize({ width, height: 800 })
      await ada.page.emulateMedia({ colorScheme })
      t.strictSame(await faults(ada.page), [], `a device that rings, ${width} wide, ${colorScheme}, for everybody`)
      await picture(ada.page, `panel-rings-${colorScheme}-${width}`)
    }
  }
  const popup = ada.context.waitForEvent('page')
  await ada.page.click('[data-part=accept]')
  t.match(await ring.outcome(), { state: 'accepted', deviceClass: 'browser', shownAt: /./ })
  const opened = await popup
  await opened.waitForURL(url)
  t.equal(await opened.evaluate('window.opener'), null)
  await opened.close()
  await ada.says('ring-ended', `“${SCRIPT}” was accepted.`)
  t.equal(await ada.part('ring-title').count(), 0)

  t.comment('a test ring, as often as is good for anybody')
  await ada.press('ring-me')
  await ada.says('ring-title', 'A test ring')
  await ada.says('ring-app', 'This server')
  await ada.press('dismiss')
  await ada.says('ring-ended', '“A test ring” was dismissed.')

  t.comment('another browser of hers is let in by this one, and gets the list, after a look at both')
  const second = await ada.letIn(t, browser, server.url)
  await second.enrol('Chromium at work')
  await second.part('list-wanted').waitFor()
  await ada.says('offer-name', 'Chromium at work')
  t.equal(await second.part('list-code').innerText(), await ada.part('offer-code').innerText())
  await ada.page.click('[data-part=offer-confirm]')
  await second.says('app-name', `Chat ${SCRIPT}`)
  t.equal(await second.part('list-wanted').isVisible(), false)
  t.equal(await handshakes(server), 2)

  t.comment('answered in one, it stops in the other; withdrawn, it stops in both')
  const both = [ada, second]
  const elsewhere = await service.ring({ to: puid, title: 'Ben calls', deadlineSeconds: 120 })
  for (const { page } of both) await rings(page, 'Ben calls')
  await second.page.click('[data-part=accept]')
  t.match(await elsewhere.outcome(), { state: 'accepted' })
  await ada.says('ring-ended', '“Ben calls” was answered on another device.')
  t.equal(await ada.part('ring-title').count(), 0)
  const withdrawn = await service.ring({ to: puid, title: 'Cy calls', deadlineSeconds: 120 })
  for (const { page } of both) await rings(page, 'Cy calls')
  await withdrawn.withdraw()
  for (const profile of both) await profile.says('ring-ended', '“Cy calls” was withdrawn.')

  t.comment('it counts down, and is missed')
  const missed = await service.ring({ to: puid, title: 'Dee calls', deadlineSeconds: 8 })
  await ada
    .part('ring-left')
    .filter({ hasText: /^[0-6] s left$/ })
    .waitFor()
  for (const profile of both) await profile.says('missed-title', 'Dee calls')
  t.match(await missed.outcome(), { state: 'missed' })
  await second.press('forget-missed')
  await second.part('no-missed').waitFor()

  t.comment('a reload goes on with the session, and has not forgotten what was missed')
  await ada.page.reload()
  await ada.online()
  await ada.says('missed-title', 'Dee calls')
  await ada.says('app-name', `Chat ${SCRIPT}`)
  t.equal(await ada.part('away-after-text').innerText(), '15 min')
  await ada.page.click('[data-part=clear-missed]')
  await ada.part('no-missed').waitFor()
  t.equal(await handshakes(server), 2)

  t.comment('kill -9 of the server: both go on, without a handshake')
  await server.end('SIGKILL')
  await server.start()
  await watch.until('online')
  const after = await service.ring({ to: puid, title: 'Eve calls', deadlineSeconds: 120 })
  for (const { page } of both) await rings(page, 'Eve calls')
  await ada.page.click('[data-part=dismiss]')
  await second.says('ring-ended', 'Eve calls')
  t.equal(await second.part('ring-ended').innerText(), '“Eve calls” was answered on another device.')
  t.match(await after.outcome(), { state: 'dismissed' })
  t.equal(await handshakes(server), 0, 'since its start')

  t.comment('two tabs, one device: either answers, and the second goes on when the first is closed')
  const tab = await ada.context.newPage()
  ada.faults.push(...faultsOf(tab))
  await tab.goto(`${server.url}/panel`)
  await tab.locator('[data-panel][data-runs=elsewhere][data-contact=online]').waitFor()
  const inTabs = await service.ring({ to: puid, title: 'Fay calls', deadlineSeconds: 120 })
  for (const page of [ada.page, tab]) await rings(page, 'Fay calls')
  await tab.click('[data-part=accept]')
  t.match(await inTabs.outcome(), { state: 'accepted' })
  await ada.says('ring-ended', '“Fay calls” was accepted.')
  await ada.page.close()
  await tab.locator('[data-panel][data-runs=here][data-contact=online]').waitFor()
  const later = await service.ring({ to: puid, title: 'Gus calls', deadlineSeconds: 120 })
  await rings(tab, 'Gus calls')
  await tab.click('[data-part=accept]')
  t.match(await later.outcome(), { state: 'accepted' })
  t.equal(await handshakes(server), 0)

  t.comment('another pseudonym; taken back, told or silently; blocked; out of the list')
  const stateOf = async (name: string) => JSON.stringify(await service.presence(name))
  const settings = tab.locator('[data-app] summary')
  await settings.click()
  await ada.press('app-rotate', tab)
  await until(async () => (await stateOf(puid)).includes('offline'))
  const deeds = [
    ['app-revoke', 'was told that you took it back', '"revoked"'],
    ['app-block', 'is blocked', '"offline"'],
    ['app-forget', '', '"offline"'],
  ] as const
  const names = [puid]
  for (const [deed, sight, seen] of deeds) {
    const name = await consented(tab.context(), server.url, app)
    await ada.says('app-sight', 'sees you', tab)
    await until(async () => (await stateOf(name)).includes('"online"'))
    t.notOk(names.includes(name), 'each consent has a pseudonym of its own')
    names.push(name)
    if (!(await ada.part(deed, tab).isVisible())) await settings.click()
    await ada.press(deed, tab)
    await until(async () => (await stateOf(name)).includes(seen))
    t.match(await stateOf(name), '"offline"')
    if (sight === '') break
    await ada.says('app-sight', sight, tab)
    t.equal((await stateOf(name)).includes('revoked'), deed === 'app-revoke')
    await ada.press('app-remove', tab)
    await ada.part('no-apps', tab).waitFor()
  }
  await ada.part('no-apps', tab).waitFor()

  t.comment('a device that was removed says so, and begins again; one that leaves is none')
  await tab.getByRole('button', { name: 'Remove Chromium at work' }).click()
  await second.part('enrol-again').waitFor()
  await second.press('enrol-again')
  await second.part('unenrolled').waitFor()
  await second.enrol('Chromium again')
  await second.part('list-wanted').waitFor()
  await second.press('leave')
  await second.part('unenrolled').waitFor()
  await second.says('notice', 'The keys of this browser are gone')
  t.strictSame(Object.keys((await second.page.evaluate<{ texts: object }>(LOOK)).texts), [], 'nothing is kept')

  t.comment('a wiped browser is no device any more, and says so; closed, the person is gone at once')
  const wiper = await tab.context().newCDPSession(tab)
  await tab.goto(`${server.url}/account`)
  await wiper.send('Storage.clearDataForOrigin', { origin: server.url, storageTypes: 'indexeddb' })
  await tab.goto(`${server.url}/panel`)
  await tab.locator('[data-part=unenrolled]').waitFor()
  await second.enrol('The last one')
  await second.part('list-wanted').waitFor()
  await second.press('new-list')
  await second.part('list-wanted').waitFor({ state: 'hidden' })
  const anew = new PersonWatch(t, service, await consented(second.context, server.url, app))
  await anew.until('online')
  await second.page.goto(`${server.url}/account`)
  await anew.until('offline')

  t.comment('one browser ends the session of the other, and signs out')
  await second.page.click('form[action="/account/sessions/end"] button')
  await tab.goto(`${server.url}/panel`)
  await tab.waitForURL(/sign-in/)
  await second.page.click('text=Sign out')
  await second.page.goto(`${server.url}/panel`)
  await second.page.waitForURL(/sign-in/)
  t.strictSame([...ada.faults, ...second.faults], [], 'no script failed, and the policy of the page refused nothing')
})
