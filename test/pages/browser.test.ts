/** The pages in a real browser: how they look, whether everybody can use them, and that they work without script. */

import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Browser, CDPSession, Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { MemoryStorage } from '../../src/client/index.js'
import { connect, enrol } from '../../src/client/node/index.js'
import { launchChromium, noChromium } from '../support/chromium.js'
import { runProcess } from '../support/run-process.js'
import { faults, firstView, openHouse, picture } from './house.js'

/** An application's site: keeps what browsers bring back to it. */
async function site(t: Test): Promise<{ callback: string; came: URL[] }> {
  const came: URL[] = []
  const server = createServer((request, response) => {
    came.push(new URL(request.url ?? '', 'http://127.0.0.1'))
    response.setHeader('content-type', 'text/html').end('<!doctype html><title>Chat</title><h1>Welcome back</h1>')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return { callback: `http://127.0.0.1:${(server.address() as AddressInfo).port}/cb`, came }
}

async function signIn(page: Page, url: string, code: string): Promise<void> {
  await page.goto(`${url}/sign-in`)
  await page.fill('#code', code)
  await page.click('main button')
  await page.waitForURL(`${url}/panel`)
}

/** Each page in light and dark, narrow and wide: no fault, nothing wider than the screen; a picture of each. */
async function look(
  t: Test,
  browser: Browser,
  url: string,
  code: string,
  paths: Record<string, string>,
): Promise<void> {
  const context = await browser.newContext({ bypassCSP: true, locale: 'en-GB', reducedMotion: 'reduce' })
  const page = await context.newPage()
  await signIn(page, url, code)
  await lookAt(t, page, url, paths)
  await context.addCookies([{ name: 'pilotlight_language', value: 'de', url }])
  await page.setViewportSize({ width: 320, height: 640 })
  for (const [name, path] of Object.entries(paths)) {
    await page.goto(`${url}${path}`)
    const wide = await page.evaluate('document.documentElement.scrollWidth')
    t.ok(Number(wide) <= 320, `${name} in German is ${wide} wide on 320`)
  }
  await context.clearCookies({ name: 'pilotlight_language' })
  await page.goto(`${url}/account`)
  await page.click('form[action="/sign-out"] button')
  await page.goto(`${url}/sign-in`)
  await page.click('form[action="/sign-in/device"] button')
  await lookAt(t, page, url, { 'sign-in-known': '/sign-in', 'sign-in-device': '/sign-in/device' })
  await context.clearCookies()
  await lookAt(t, page, url, { 'sign-in': '/sign-in' })
  await context.close()
}

/** What is in the markup of Swagger UI, which we do not write: docs/pages.md. */
const SWAGGERS = /^(nested-interactive|select-name|heading-order|landmark-[a-z-]+):/

async function lookAt(t: Test, page: Page, url: string, paths: Record<string, string>): Promise<void> {
  for (const [name, path] of Object.entries(paths)) {
    for (const [width, colorScheme] of [
      [320, 'light'],
      [320, 'dark'],
      [1100, 'light'],
      [1100, 'dark'],
    ] as const) {
      await page.setViewportSize({ width, height: width === 320 ? 640 : 800 })
      await page.emulateMedia({ colorScheme })
      if (width === 320 && colorScheme === 'light') await page.goto(`${url}${path}`)
      if (path.startsWith('/reference#')) await page.locator('.swagger-ui .opblock').first().waitFor()
      const isSeen = width === 320 || colorScheme === 'dark'
      const found = (isSeen ? await faults(page) : []).filter(
        (fault) => !SWAGGERS.test(fault) || name !== 'reference-open',
      )
      t.same(found, [], `${name}, ${width}, ${colorScheme}`)
      const wide = await page.evaluate('document.documentElement.scrollWidth')
      t.ok(Number(wide) <= width, `${name} is ${wide} wide on ${width}`)
      await picture(page, `${name}-${colorScheme}-${width}`)
      if (name === 'authorize') await firstView(page, `${name}-first-${colorScheme}-${width}`)
    }
  }
}

t.test('pages in a browser', { skip: noChromium }, async (t) => {
  const { url, codes, folder, account, server } = await openHouse(t, 7)
  const browser = await launchChromium(t)
  const { callback, came } = await site(t)
  const phone = await connect({
    credentials: await enrol({ url, code: codes[0] ?? '', name: 'Phone <b>of Ada</b>' }),
    storage: new MemoryStorage(),
    keepaliveS: 30,
  })
  t.teardown(() => phone.close())
  await phone.whenOnline()

  const signed = await fetch(`${url}/v1/sessions`, post({ code: codes[1] }))
  const { token } = (await signed.json()) as { token: string }
  const registered = await fetch(
    `${url}/v1/apps`,
    post({ name: 'Chat & <i>friends</i>', redirectUris: [callback] }, token),
  )
  const { id, apiKey } = (await registered.json()) as { id: string; apiKey: string }

  await t.test(
    'a person without script: sign in at the door, allow at some hours, and the application sees them',
    async (t) => {
      const context = await browser.newContext({ javaScriptEnabled: false, viewport: { width: 360, height: 740 } })
      const page = await context.newPage()
      const foreign: string[] = []
      page.on('request', (request) => {
        if (!request.url().startsWith(url) && !request.url().startsWith(callback)) foreign.push(request.url())
      })
      const verifier = randomBytes(32).toString('base64url')
      const asked = askedBy(id, callback, verifier)
      await page.goto(`${url}/authorize?${asked}`)
      t.match(page.url(), '/sign-in')
      await page.fill('#code', codes[2] ?? '')
      await page.click('main button')
      t.match(page.url(), '/authorize')
      const text = await page.innerText('main')
      t.match(text, 'Chat & <i>friends</i>', 'escaped, shown as it is')
      t.match(text, 'Phone <b>of Ada</b>')
      t.match(await page.innerText('.answer'), 'Allow')
      await page.click('summary')
      await page.fill('#start', '00:00')
      await page.fill('#end', '00:00')
      await page.click('button[value=hours]')
      t.match(await page.innerText('[role=alert]'), 'two different times')
      await page.fill('#end', '23:59')
      await page.click('button[value=hours]')
      await page.waitForURL(`${callback}**`)
      const back = came.find(({ searchParams }) => searchParams.has('code'))
      t.match(back?.searchParams.get('state'), 'st&te')
      t.equal(back?.searchParams.get('iss'), url)
      const code = back?.searchParams.get('code') ?? ''
      const exchange = {
        grant_type: 'authorization_code',
        client_id: id,
        redirect_uri: callback,
        code_verifier: verifier,
        code,
      }
      const granted = phone.list.entries.length === 0 ? new Promise((done) => phone.on('granted', done)) : null
      const answer = await fetch(`${url}/oauth/token`, { method: 'POST', body: new URLSearchParams(exchange) })
      t.equal(answer.status, 200)
      const { puid } = (await answer.json()) as { puid: string }
      await granted
      t.match(phone.list.entries[0]?.windows, [{ days: 127, start: 0, end: 1439 }])
      const presence = await fetch(`${url}/v1/presence/${puid}`, { headers: { authorization: `Bearer ${apiKey}` } })
      t.equal(presence.status, 200)

      await page.goto(`${url}/authorize?${askedBy(id, callback, verifier)}`)
      await page.click('button[value=refuse]')
      await page.waitForURL(`${callback}**`)
      t.equal(came.at(-1)?.searchParams.get('error') ?? came.at(-2)?.searchParams.get('error'), 'access_denied')
      t.same(foreign, [], 'no request to anybody else')

      await page.goto(`${url}/panel`)
      t.match(await page.innerText('main'), /Chat & <i>friends<\/i>\s+asked 1×/, 'who asked')
      t.match(await page.innerText('main'), 'In use')
      t.match(await page.innerText('main'), /interval in use 30 s, about 2880 wake-ups a day to stay reachable/)
      await context.close()
    },
  )

  await t.test('framing: no page of ours stands in a frame, not in that of a registered application', async (t) => {
    const page = await (await browser.newContext()).newPage()
    await page.goto(callback)
    for (const path of ['/', `/authorize?${askedBy(id, callback, 'x'.repeat(43))}`]) {
      const refused = page.waitForEvent('console', (message) => message.text().includes("frame-ancestors 'none'"))
      await page.evaluate(`document.body.append(document.createElement('iframe'))
        document.body.lastChild.src = ${JSON.stringify(`${url}${path}`)}`)
      await refused
    }
    t.pass('the browser refused both')
    await page.context().close()
  })

  let appPath = ''
  await t.test(
    'a developer: registers, pastes the snippets, rings an echo person, sees it live, sets a webhook',
    async (t) => {
      const context = await browser.newContext()
      const page = await context.newPage()
      const broken: string[] = []
      page.on('pageerror', ({ message }) => broken.push(message))
      page.on('console', (message) => {
        // A form that is refused is no fault of the page.
        if (message.type() === 'error' && !message.text().includes('Failed to load')) broken.push(message.text())
      })
      await signIn(page, url, codes[5] ?? '')
      await page.goto(`${url}/developers`)
      await page.fill('#name', '"><img src=x onerror=alert(1)>')
      await page.fill('#uris', `${callback}\nhttps://chat.example/cb`)
      await page.click('main button')
      const key = await page.innerText('[data-once=key]')
      t.match(key, /^pl_test_/)
      const run = async (name: string) => {
        const { stdout } = await runProcess('bash', [
          '-c',
          `${await page.innerText(`[data-snippet=${name}]`)} --silent`,
        ])
        return JSON.parse(stdout) as Record<string, unknown>
      }
      t.match(await run('presence'), { state: 'online', puid: /^p_/ })
      t.match(await run('ring'), { state: /queued|sent|delivered|accepted/ })
      appPath = new URL(String(await page.getAttribute('[data-tail]', 'data-tail')), url).pathname.replace(
        '/events',
        '',
      )
      await page.goto(`${url}${appPath}`)
      t.notMatch(await page.content(), key, 'the key is shown once')
      t.equal(await page.innerText('h1'), '"><img src=x onerror=alert(1)>')
      await page.waitForFunction('document.querySelector("[data-tail]") !== null')
      const tail = await context.newPage()
      await tail.goto(`${url}${appPath}`)
      await page.click('text=Ring accepts')
      t.match(await page.innerText('[role=status]'), 'accepts: the ring is accepted')
      await tail.waitForSelector('.tail li:has-text("accepted")')
      await page.fill('#url', callback.replace('/cb', '/hook'))
      await page.click('form[action$="/webhook"] button')
      t.match(await page.innerText('[data-once=secret]'), /^whsec_/)
      await page.click('text=Send a test')
      t.match(await page.innerText('.log'), /webhook\.test\s+delivered · 200/)
      await tail.reload()
      await tail.click('text=Send a test')
      await page.locator('.log > li').nth(1).waitFor() // live: this page was not asked for again
      t.match(await page.innerText('[data-usage] dd'), 'live keys 0, test keys 2;', 'the two snippets')
      t.match(await page.innerText('[data-usage] ~ .facts'), /1000 units in 10 s.*Left now: 1000 live, \d+ test/s)
      await page.click('.log button')
      t.match(await page.innerText('main'), 'It is sent again.')
      await page.fill('#url', 'ftp://nowhere.example')
      await page.evaluate('document.querySelector("#url").type = "text"')
      await page.click('form[action$="/webhook"] button')
      t.match(await page.innerText('[role=alert]'), /./)
      await page.click('text=New key')
      await page.check('[value=live]')
      await page.click('text=Make a key')
      t.match(await page.innerText('[data-once=key]'), /^pl_live_/)
      t.match(await consentBySnippet(page), { puid: /^p_/ })
      t.same(broken, [], 'no error of a script, nothing refused by the policy')
      await page.goto(`${url}/reference`)
      t.match(await page.innerText('[data-overview]'), /GET \/v1\/presence\/\{puid\}\s+Presence of one person/)
      await page.click('[data-open]')
      await page.waitForSelector('.swagger-ui .opblock')
      t.same(broken, [])
      await context.close()
    },
  )

  await t.test(
    'passkeys: made by who is signed in, sign in by themselves, only with the person verified, once',
    async (t) => {
      const here = url.replace('127.0.0.1', 'localhost') // an address has no passkeys
      const context = await browser.newContext()
      const page = await context.newPage()
      const device = await context.newCDPSession(page)
      const authenticatorId = await authenticator(device)
      await signIn(page, here, codes[6] ?? '')
      await page.goto(`${here}/account`)
      await page.click('[data-passkey=make] button')
      await page.waitForSelector('form[action="/account/passkeys/remove"]')
      await page.click('text=Sign out')
      await page.waitForURL(`${here}/`)
      const sent: { url: string; body: string }[] = []
      page.on('request', (request) => {
        if (request.method() === 'POST') sent.push({ url: request.url(), body: request.postData() ?? '' })
      })
      const use = async () => {
        await page.goto(`${here}/sign-in?next=/account`)
        await page.click('[data-passkey=use] button')
      }
      await device.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false })
      await use()
      await page.waitForSelector('[data-passkey=use] [role=alert]:not([hidden])')
      await device.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true })
      await use()
      await page.waitForURL(`${here}/account`)
      t.match(await page.innerText('main'), 'this one')

      // Whoever has read an answer cannot use it again, with a form of their own either.
      const used = sent.findLast(({ url }) => url.endsWith('/sign-in/passkey'))
      const answer = new URLSearchParams(used?.body).get('answer') ?? ''
      t.match(answer, 'signature')
      const other = await (await browser.newContext()).newPage()
      await other.goto(`${here}/sign-in`)
      const post = (
        to: string,
        more: string,
      ) => `fetch('${to}', { method: 'POST', headers: { accept: 'application/json' },
      body: new URLSearchParams({ csrf: document.querySelector('[name=csrf]').value, answer: ${more} }) })
      .then(({ status }) => status)`
      const repeated = post('/sign-in/passkey', JSON.stringify(answer))
      t.equal(await other.evaluate(repeated), 403)
      t.equal(await other.evaluate(post('/sign-in/passkey/options', "''")), 200)
      t.equal(await other.evaluate(repeated), 403, 'the answer to another question')
      await other.context().close()

      await page.click('form[action="/account/passkeys/remove"] button')
      await page.click('text=Sign out')
      await use()
      await page.waitForSelector('[data-passkey=use] [role=alert]:not([hidden])')
      await context.close()
    },
  )

  await look(t, browser, url, codes[3] ?? '', {
    developers: '/developers',
    'developers-app': appPath,
    home: '/',
    guide: '/guides/first-presence',
    errors: '/errors',
    reference: '/reference',
    'reference-open': '/reference#/presence',
    authorize: `/authorize?${askedBy(id, callback, 'x'.repeat(43))}`,
    panel: '/panel',
    account: '/account',
    'account-delete': '/account/delete',
    'problem-unknown': `/authorize?${new URLSearchParams({ client_id: 'app_0', redirect_uri: 'https://evil.example/' })}`,
  })

  await t.test(
    'a lost device is shut out at once; an account that is deleted leaves nothing on the disk',
    async (t) => {
      const context = await browser.newContext({ javaScriptEnabled: false })
      const page = await context.newPage()
      await signIn(page, url, codes[4] ?? '')
      const gone = new Promise((done) => phone.on('closed', done))
      await page.click('text=Remove Phone')
      t.match(await page.innerText('main'), 'No device yet.')
      t.match(await gone, { code: 2, willRetry: false })
      await page.goto(`${url}/account/delete`)
      t.match(await page.innerText('main'), 'Chat & <i>friends</i>')
      await page.check('[name=sure]')
      await page.click('button.danger')
      t.match(await page.innerText('main'), 'Your account is gone')
      await page.goto(`${url}/panel`)
      t.match(page.url(), '/sign-in')
      const key = await fetch(`${url}/v1/presence/p_x`, { headers: { authorization: `Bearer ${apiKey}` } })
      t.equal(key.status, 401, 'the applications of the person end with their keys')
      await context.close()
      await server.stop()
      for (const [name, bytes] of filesOf(folder)) {
        for (const needle of [account, 'of Ada', 'friends', 'Chrome, Linux', callback, id.slice(4)]) {
          t.notOk(bytes.includes(needle), `${needle} in ${name}`)
        }
        t.notOk(bytes.includes(Buffer.from(id.slice(4), 'hex')), `id of the application in ${name}`)
      }
    },
  )
})

/** Pastes the snippet that asks a person into a shell, follows its link, and gives it the code that comes back. */
async function consentBySnippet(page: Page): Promise<unknown> {
  const snippet = await page.locator('[data-snippet=consent]').textContent()
  const shell = spawn('bash', ['-c', `${snippet} --silent`], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: shell.stdout })[Symbol.asyncIterator]()
  const door = await page.context().newPage()
  await door.goto((await lines.next()).value)
  const back = door.waitForRequest((request) => new URL(request.url()).searchParams.has('code'))
  await byKeyboard(door, 'button[value=allow]')
  shell.stdin.end(`${new URL((await back).url()).searchParams.get('code')}\n`)
  await door.close()
  return JSON.parse((await lines.next()).value)
}

/** Tabs to an element and presses it; all that has the focus on the way can be seen. */
async function byKeyboard(page: Page, selector: string): Promise<void> {
  await page.setViewportSize({ width: 320, height: 480 })
  const look = `(() => {
    const focused = document.activeElement
    const { left, top, width, height } = focused.getBoundingClientRect()
    const above = document.elementFromPoint(left + width / 2, top + height / 2)
    return { isThere: focused.matches(${JSON.stringify(selector)}), isSeen: focused.contains(above) }
  })()`
  for (let presses = 0; presses < 50; presses++) {
    await page.keyboard.press('Tab')
    const { isThere, isSeen } = await page.evaluate<{ isThere: boolean; isSeen: boolean }>(look)
    if (!isSeen) throw new Error(`what has the focus after ${presses + 1} presses cannot be seen`)
    if (isThere) return page.keyboard.press('Enter')
  }
  throw new Error(`no way to ${selector}`)
}

/** A platform authenticator that says yes at once. @returns its id. */
async function authenticator(device: CDPSession): Promise<string> {
  await device.send('WebAuthn.enable')
  const { authenticatorId } = await device.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  })
  return authenticatorId
}

/** All files of the server as they are. */
function filesOf(folder: string): [string, Buffer][] {
  const names = readdirSync(folder).filter((name) => statSync(join(folder, name)).isFile())
  return names.map((name) => [name, readFileSync(join(folder, name))])
}

function askedBy(id: string, callback: string, verifier: string): URLSearchParams {
  const challenge = createHash('sha256').update(verifier).digest('base64url')
  const proof = { response_type: 'code', code_challenge: challenge, code_challenge_method: 'S256' }
  return new URLSearchParams({ ...proof, client_id: id, redirect_uri: callback, state: 'st&te' })
}

function post(body: object, token = ''): RequestInit {
  const authorization: Record<string, string> = token === '' ? {} : { authorization: `Bearer ${token}` }
  return {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...authorization },
    body: JSON.stringify(body),
  }
}
