/** The panel in a tab that nobody looks at, with its timers held back as browsers do: reachable all the same, and it says so. */
import { createHash, randomBytes } from 'node:crypto'
import t from 'tap'
import { AppService, type Ring } from '../../src/appservice/index.js'
import { HANGS_MS, nextLook } from '../e2e/command.js'
import { noChromium } from '../support/chromium.js'
import { openHouse } from './house.js'
import { UnwatchedPage } from './unwatched-page.js'

const CALLBACK = 'https://chat.example/cb'

async function posted(url: string, body: object, token = ''): Promise<Record<string, string>> {
  const authorization: Record<string, string> = token === '' ? {} : { authorization: `Bearer ${token}` }
  const headers = { 'content-type': 'application/json', ...authorization }
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
  return (await answer.json()) as Record<string, string>
}

/** An application of the person's, which they allow to see them. */
async function allowed(url: string, code: string): Promise<{ service: AppService; puid: string }> {
  const { token } = await posted(`${url}/v1/sessions`, { code })
  const app = await posted(`${url}/v1/apps`, { name: 'Chat', redirectUris: [CALLBACK] }, token)
  const { id = '' } = app
  const verifier = randomBytes(32).toString('base64url')
  const challenge = createHash('sha256').update(verifier).digest('base64url')
  const asked = { response_type: 'code', client_id: id, redirect_uri: CALLBACK, state: 's', decision: 'allow' }
  const proof = { code_challenge: challenge, code_challenge_method: 'S256' }
  const { redirectTo = '' } = await posted(`${url}/authorize`, { ...asked, ...proof }, token)
  const given = new URL(redirectTo).searchParams.get('code') ?? ''
  const fields = { grant_type: 'authorization_code', client_id: id, redirect_uri: CALLBACK, code: given }
  const body = new URLSearchParams({ ...fields, code_verifier: verifier })
  const answer = await fetch(`${url}/oauth/token`, { method: 'POST', body })
  const { puid } = (await answer.json()) as { puid: string }
  return { service: new AppService({ url, apiKey: app['apiKey'] ?? '' }), puid }
}

/** A number of the server's metrics. @param name with its labels. */
async function metric(url: string, name: string): Promise<number> {
  const lines = (await (await fetch(`${url}/metrics`)).text()).split('\n')
  return Number(lines.find((line) => line.startsWith(`pilotlight_${name} `))?.split(' ')[1])
}

const part = (name: string) => `document.querySelector('[data-part="${name}"]')`
const says = (name: string, text: string) =>
  `[...document.querySelectorAll('[data-part="${name}"]')].some(({ textContent }) => textContent.includes('${text}'))`

/** Ten steps of 100 ms, one after the other: in the worker that runs the device's timers, and in the page. */
const RACE = `new Promise((resolve) => {
  const script = document.querySelector('[data-panel]').dataset.timerScript
  const worker = new Worker(script, { type: 'module' })
  let [here, there] = [0, 0]
  const step = () => { if (++here === 10) resolve('page'); else setTimeout(step, 100) }
  worker.onmessage = () => { if (++there === 10) resolve('worker'); else worker.postMessage([there, 100]) }
  setTimeout(step, 100)
  worker.postMessage([0, 100])
})`

/** Writes down what notifications say and how they end. */
const WATCH = `{
  window.raised = []
  window.Notification = class extends Notification {
    constructor(title, options) {
      super(title, options)
      const { body, tag } = options
      raised.push({ title, body, tag, isOpen: true })
    }
    close() {
      super.close()
      raised.find(({ tag }) => tag === this.tag).isOpen = false
    }
  }
}`

t.test('nobody looks', { skip: noChromium, timeout: HANGS_MS }, async (t) => {
  const { url, codes } = await openHouse(t, 3)
  const page = await UnwatchedPage.open(t, `${url}/sign-in`)
  await page.notifications(url, 'prompt')
  await page.until(`document.querySelector('#code')`)
  await page.evaluate(`document.querySelector('#code').value = '${codes[0]}'`)
  await page.evaluate(`document.querySelector('form[action="/sign-in"] button').click()`)
  await page.until(`location.pathname === '/panel' && !${part('unenrolled')}.hidden`)
  await page.evaluate(`${part('enrol')}.querySelector('button').click()`)
  await page.until(`document.querySelector('[data-contact=online]')`)
  const { service, puid } = await allowed(url, codes[1] ?? '')
  const ringOf = ({ id }: Ring) => service.request('get', '/v1/rings/{id}', { path: { id } })
  await page.until(says('app-name', 'Chat'))
  t.equal(await page.evaluate(`${part('ask-alerts')}.hidden`), false, 'a press asks, nothing else does')
  t.equal(await page.evaluate('Notification.permission'), 'default')

  t.comment('the browser holds the timers of the page back, not those of the device')
  await page.cover()
  t.equal(await page.evaluate(RACE), 'worker')
  const channel = url.replace('http', 'ws')
  await page.evaluate(`(async () => {
    const { deviceScript, timerScript } = document.querySelector('[data-panel]').dataset
    const { SharedDevice } = await import(deviceScript)
    const options = { name: 'often', channel: '${channel}/v1/channel', timerWorker: timerScript, keepaliveS: 1 }
    window.often = await SharedDevice.open({ ...options, onChange() {} })
    await often.enrol('${url}', '${codes[2]}', 'A hidden page')
  })()`)
  await page.until('often.view?.isOnline')
  t.equal(await page.evaluate('document.visibilityState'), 'hidden')
  const packets = () => metric(url, 'packets_in_total{kind="channel"}')
  const before = await packets()
  while ((await packets()) < before + 5) await nextLook()

  t.comment('frozen it is silent, and reads so when its silence is over; then it goes on, without a handshake')
  const inContact = () => metric(url, 'hub_devices_in_contact')
  const handshakes = await metric(url, 'handshakes_total')
  while ((await inContact()) < 2) await nextLook()
  await page.freeze(true)
  while ((await inContact()) === 2) await nextLook()
  await page.freeze(false)
  while ((await inContact()) < 2) await nextLook()
  t.equal(await metric(url, 'handshakes_total'), handshakes)
  await page.evaluate('often.close()')

  t.comment('no notification is allowed: the ring waits for who comes to look, and is in the list of the missed')
  await page.evaluate(WATCH)
  const silent = await service.ring({ to: puid, title: 'Ben calls', deadlineSeconds: 120 })
  await page.until(says('ring-title', 'Ben calls'))
  while ((await ringOf(silent)).state !== 'delivered') await nextLook()
  t.match(await ringOf(silent), { state: 'delivered', shownAt: null }, 'no sender is told that somebody saw it')
  await page.uncover()
  while ((await ringOf(silent)).shownAt === null) await nextLook()
  await page.cover()
  await silent.withdraw()
  await page.until(says('ring-ended', 'was withdrawn'))
  const missed = await service.ring({ to: puid, title: 'Cy calls', deadlineSeconds: 5 })
  t.match(await missed.outcome(), { state: 'missed', shownAt: null })
  await page.until(says('missed-title', 'Cy calls'))
  t.same(await page.evaluate('raised'), [])

  t.comment('the person allows it, by a press: a ring is a notification until it ends, or somebody looks')
  await page.uncover()
  await page.notifications(url, 'granted')
  await page.evaluate(`${part('ask-alerts')}.click()`)
  await page.until(`${part('ask-alerts')}.hidden`)
  const seen = await service.ring({ to: puid, title: 'Dee calls', deadlineSeconds: 120 })
  while ((await ringOf(seen)).shownAt === null) await nextLook()
  t.same(await page.evaluate('raised'), [], 'the person looks at the page')
  await page.evaluate(`${part('accept')}.click()`)
  t.match(await seen.outcome(), { state: 'accepted' })
  await page.cover()
  const rung = await service.ring({ to: puid, title: 'Eve <b>calls', body: 'Lunch?', deadlineSeconds: 120 })
  while ((await ringOf(rung)).shownAt === null) await nextLook()
  t.match(await page.evaluate('raised'), [{ title: 'Eve <b>calls', body: 'Chat: Lunch?', tag: rung.id, isOpen: true }])
  await rung.withdraw()
  await page.until('!raised[0].isOpen')
  const looked = await service.ring({ to: puid, title: 'Fay calls', deadlineSeconds: 120 })
  await page.until('raised[1]?.isOpen')
  await page.uncover()
  await page.until('!raised[1].isOpen')
  await page.evaluate(`${part('accept')}.click()`)
  t.match(await looked.outcome(), { state: 'accepted' })

  t.comment('the person looks at another tab of ours: no notification')
  await page.cover(`${url}/panel`)
  await page.until(`navigator.locks.query().then(({ held }) => held.some(({ name }) => name === 'pilotlight looks'))`)
  const other = await service.ring({ to: puid, title: 'Gus calls', deadlineSeconds: 120 })
  while ((await ringOf(other)).shownAt === null) await nextLook()
  await other.withdraw()
  await page.until(says('ring-ended', '“Gus calls” was withdrawn'))
  t.equal(await page.evaluate('raised.length'), 2)
})
