/** Webhooks through a real server to an endpoint that is a process of its own. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { AppService, verifyWebhook } from '../../src/appservice/index.js'
import { MemoryStorage } from '../../src/client/index.js'
import { connect, enrol } from '../../src/client/node/index.js'
import { eventsOf, type ReceivedEvent, Receiver, verifyWithOracle } from '../support/receiver.js'
import { pilotlight, ServerProcess } from './process.js'

interface Scene {
  server: ServerProcess
  receiver: Receiver
  service: AppService
  apiKey: string
  app: string
  puid: string
  call(method: string, path: string, body?: unknown): Promise<{ status: number; json: Record<string, unknown> }>
  device: Awaited<ReturnType<typeof connect>>
}

async function scene(t: Test): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'pilotlight-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const server = new ServerProcess(join(folder, 'server'), { PILOTLIGHT_WEBHOOKS_TO_PRIVATE: 'true' })
  t.teardown(() => server.end('SIGKILL'))
  await server.start()
  const receiver = await Receiver.start(t)
  const { app, apiKey } = (await pilotlight('app', 'add', 'Chat', '--data', server.folder)) as {
    app: string
    apiKey: string
  }
  const { code } = await pilotlight('account', 'add', 'Ada', '--data', server.folder)
  const credentials = await enrol({ url: server.url, code: code!, name: 'phone' })
  const device = await connect({ credentials, storage: new MemoryStorage() })
  t.teardown(() => device.close())
  await device.whenOnline()
  device.active()
  const puid = await device.allow(app)
  const call = async (method: string, path: string, body?: unknown) => {
    const answer = await fetch(`${server.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    return { status: answer.status, json: (await answer.json()) as Record<string, unknown> }
  }
  const service = new AppService({ url: server.url, apiKey })
  return { server, receiver, service, apiKey, app, puid, call, device }
}

/** Reads requests until an event of a type comes. */
async function eventOf(receiver: Receiver, type: string): Promise<ReceivedEvent> {
  for (;;) {
    const found = (await receiver.events()).find((event) => event.type === type)
    if (found !== undefined) return found
  }
}

t.test('presence and outcomes come signed; a repeat after 500 has the same id', async (t) => {
  const { receiver, service, puid, call, device } = await scene(t)
  const made = await call('PUT', '/v1/webhook', { url: receiver.url })
  t.equal(made.status, 200)
  const secret = made.json['secret'] as string
  t.match(secret, /^whsec_/)
  t.equal((await call('GET', '/v1/webhook')).json['secret'], null, 'it is told once')

  await device.setChoice('unavailable')
  const presence = await receiver.next()
  verifyWithOracle(presence, secret)
  t.throws(() => verifyWithOracle({ ...presence, body: `${presence.body} ` }, secret))
  const [change] = eventsOf(presence)
  t.match(change, { type: 'presence.changed', data: { puid, state: 'unavailable', cause: 'user' } })
  t.same(verifyWebhook(presence.body, presence.headers, [secret]), eventsOf(presence))
  await device.setChoice('available')
  t.match(await eventOf(receiver, 'presence.changed'), { data: { state: 'online' } })

  receiver.answer({ status: 500 })
  device.on('ring', (ring) => ring.accept())
  const ring = await service.ring({ to: puid, title: 'Ada calls' })
  const first = await receiver.next()
  const again = await receiver.next()
  t.equal(first.headers['webhook-id'], `ring_${ring.id}_accepted`)
  t.equal(again.headers['webhook-id'], first.headers['webhook-id'])
  t.same(eventsOf(again), eventsOf(first))
  verifyWithOracle(again, secret)
  t.match(eventsOf(again), [{ id: `ring_${ring.id}_accepted`, type: 'ring.ended', data: { id: ring.id, by: puid } }])
})
