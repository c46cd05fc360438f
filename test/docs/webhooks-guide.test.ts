/** The code of docs/guides/webhooks.md runs, as it stands there. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { bodyOf, type EventType, webhookEvent } from '../../src/webhook/event.js'
import { signatures } from '../../src/webhook/signature.js'
import { HANGS_MS, preload, Talk } from '../e2e/command.js'
import { blocks, TELLS_PORT } from '../support/guides.js'
import { ROOT } from '../support/root.js'

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const GUIDE = readFileSync(join(ROOT, 'docs/guides/webhooks.md'), 'utf8')

t.setTimeout(HANGS_MS)

t.test('the endpoint of the guide takes what is signed, once, and nothing else', async (t) => {
  const code = blocks('webhooks', 'ts').join('\n')
  // Types go; the rest is JavaScript. In a folder of the package, where `pilotlight/appservice` is found.
  const file = join(t.testdir(), 'endpoint.mjs')
  writeFileSync(file, code.replace(/<string(, number)?>/g, ''))
  const endpoint = new Talk(t, 'node', [file], { WEBHOOK_SECRET: SECRET, ...preload(TELLS_PORT) })
  const port = Number((await endpoint.sees(/port (\d+)/))[1])
  const post = async (type: EventType, id: string, content: object, secret = SECRET) => {
    const body = bodyOf([webhookEvent(type, id, '', Date.now(), content)], Date.now())
    const timestamp = Math.floor(Date.now() / 1000)
    const answer = await fetch(`http://127.0.0.1:${port}/`, {
      method: 'POST',
      body,
      headers: {
        'webhook-id': id,
        'webhook-timestamp': `${timestamp}`,
        'webhook-signature': signatures(id, timestamp, body, [secret]),
      },
    })
    return answer.status
  }
  t.equal(await post('presence.changed', 'a', { puid: 'p', state: 'online', version: 7 }), 204)
  await endpoint.sees(/p is online\n/)
  t.equal(await post('presence.changed', 'b', { puid: 'p', state: 'away', version: 6 }), 204)
  t.equal(await post('ring.ended', 'c', { id: 'r', state: 'missed' }), 204)
  t.equal(await post('ring.ended', 'c', { id: 'r', state: 'missed' }), 204)
  t.equal(await post('webhook.test', 'd', {}, 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD'), 401)
  t.equal(await post('webhook.test', 'd', {}), 204)
  await endpoint.sees(/^ring r: missed\nwebhook\.test\n/)
})

t.test('the guide names every setting, failure and event', (t) => {
  for (const word of ['minHoldMs', 'coalesceMs', 'presence.reset', 'presence.restarted', 'ring.ended', 'Retry-After'])
    t.ok(GUIDE.includes(word), word)
  for (const failure of ['status', 'redirect', 'timeout', 'dns', 'private-address', 'tls', 'connection', 'interrupted'])
    t.ok(GUIDE.includes(`| \`${failure}\` |`), failure)
  t.end()
})
