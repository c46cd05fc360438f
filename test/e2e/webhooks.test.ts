/** Webhooks through a real server to an endpoint that is a process of its own. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { AppService, verifyWebhook } from '../../src/appservice/index.js'
import { MemoryStorage } from '../../src/client/index.js'
import { connect, enrol } from '../../src/client/node/index.js'
import { OTHER_TLS, TEST_TLS } from '../sidecar/test-tls.js'
import { eventsOf, type ReceivedEvent, Receiver, verifyWithOracle } from '../support/receiver.js'
import { nextLook } from './command.js'
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

async function scene(t: Test, isPrivateAllowed = true): Promise<Scene> {
  const folder = mkdtempSync(join(tmpdir(), 'pilotlight-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const trusted = join(folder, 'ca.pem')
  writeFileSync(trusted, TEST_TLS.cert)
  const server = new ServerProcess(join(folder, 'server'), {
    PILOTLIGHT_WEBHOOKS_TO_PRIVATE: `${isPrivateAllowed}`,
    NODE_EXTRA_CA_CERTS: trusted,
  })
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

  await receiver.answer({ status: 500 })
  device.on('ring', (ring) => ring.accept())
  const ring = await service.ring({ to: puid, title: 'Ada calls' })
  const first = await receiver.next()
  const again = await receiver.next()
  t.equal(first.headers['webhook-id'], `ring_${ring.id}_accepted`)
  t.equal(again.headers['webhook-id'], first.headers['webhook-id'])
  t.same(eventsOf(again), eventsOf(first))
  verifyWithOracle(again, secret)
  t.match(eventsOf(again), [{ id: `ring_${ring.id}_accepted`, type: 'ring.ended', data: { id: ring.id, by: puid } }])

  const trusted = await Receiver.start(t, TEST_TLS)
  const stranger = await Receiver.start(t, OTHER_TLS)
  await call('PUT', '/v1/webhook', { url: stranger.url })
  t.match((await call('POST', '/v1/webhook/test')).json, { state: 'failed', attempts: [{ status: 0, failure: 'tls' }] })
  await call('PUT', '/v1/webhook', { url: trusted.url })
  t.match((await call('POST', '/v1/webhook/test')).json, { state: 'delivered', attempts: [{ status: 204 }] })
  verifyWithOracle(await trusted.next(), secret)
})

t.test('kill -9 between the end of a ring and its delivery: told after the start, under one id', async (t) => {
  const { server, receiver, service, puid, call, device } = await scene(t)
  const made = await call('PUT', '/v1/webhook', { url: receiver.url, paused: true, events: ['ring.ended'] })
  device.on('ring', (ring) => ring.dismiss())
  const kept = await service.ring({ to: puid, title: 'Ada calls' })
  t.equal((await kept.outcome()).state, 'dismissed')
  await server.end('SIGKILL')
  await server.start()
  await receiver.answer({ hang: true })
  await call('PUT', '/v1/webhook', { url: receiver.url, events: ['ring.ended'] })
  const first = await receiver.next()
  t.match(eventsOf(first), [{ id: `ring_${kept.id}_dismissed`, data: { state: 'dismissed', by: puid } }])
  await server.end('SIGKILL')
  await server.start()
  const again = await receiver.next()
  t.equal(again.headers['webhook-id'], first.headers['webhook-id'])
  t.same(eventsOf(again), eventsOf(first), 'the same after another kill')
  verifyWithOracle(again, made.json['secret'] as string)
  const waiting = async () => Number(/^pilotlight_webhook_waiting (\d+)/m.exec(await server.metrics())?.[1])
  while ((await waiting()) > 0) await nextLook()
  const ringAndHang = async () => {
    await receiver.answer({ hang: true })
    const { id } = await service.ring({ to: puid, title: 'Ada calls again' })
    t.equal((await receiver.next()).headers['webhook-id'], `ring_${id}_dismissed`)
    return id
  }
  await ringAndHang()
  const stopped = server.end('SIGTERM')
  while (
    await server.metrics().then(
      () => true,
      () => false,
    )
  )
    await nextLook() // until it takes no requests any more
  await receiver.release()
  await stopped
  await server.start()
  t.equal(await waiting(), 0, 'a planned stop waits for an answer that is due; what was delivered is not kept')
  const kept2 = await ringAndHang()
  await server.end('SIGTERM')
  await server.start()
  t.equal((await receiver.next()).headers['webhook-id'], `ring_${kept2}_dismissed`, 'it does not wait for ever')
  t.equal((await call('POST', '/v1/webhook/test')).status, 200)
  t.match(await receiver.events(), [{ type: 'webhook.test' }], 'and not told again')
})

t.test('a restart is told first; rotation; the log and replay; 410 disables; the command line', async (t) => {
  const { server, receiver, service, puid, call, app } = await scene(t)
  const made = await call('PUT', '/v1/webhook', { url: receiver.url })
  const rotated = await call('POST', '/v1/webhook/secret')
  t.match((await call('POST', '/v1/webhook/test')).json, {
    state: 'delivered',
    attempts: [{ status: 204, failure: null }],
  })
  const tested = await receiver.next()
  t.match(eventsOf(tested), [{ type: 'webhook.test' }])
  for (const { json } of [made, rotated]) verifyWithOracle(tested, json['secret'] as string)
  await server.end('SIGKILL')
  await server.start()
  const restarted = await eventOf(receiver, 'presence.restarted')
  t.ok(Date.parse(restarted.data['offlineAt'] as string) > Date.parse(restarted.data['bootedAt'] as string))
  t.match(await eventOf(receiver, 'presence.changed'), { data: { puid, state: 'online', cause: 'restart' } })

  await receiver.answer({ status: 302, headers: { location: '/elsewhere' } })
  const failed = await call('POST', '/v1/webhook/test')
  t.match(failed.json, { state: 'failed', attempts: [{ status: 302, failure: 'redirect' }] })
  t.equal((await receiver.next()).path, '/hook')
  const replayed = await call('POST', `/v1/webhook/deliveries/${failed.json['id']}/replay`)
  t.equal(replayed.status, 200)
  t.equal((await receiver.next()).headers['webhook-id'], failed.json['webhookId'])
  t.equal((await call('POST', '/v1/webhook/deliveries/dlv_none/replay')).status, 404)
  const words = ['app', 'webhook', 'deliveries', app, '--data', server.folder]
  t.ok(((await pilotlight(...words)) as unknown as object[]).length >= 3)

  await receiver.answer({ status: 410 })
  await (await service.ring({ to: puid, title: 'Ada calls', deadlineSeconds: 60 })).withdraw()
  t.match(await receiver.events(), [{ type: 'ring.ended', data: { state: 'withdrawn' } }])
  const disabled = async () => (await call('GET', '/v1/webhook')).json['disabled']
  while ((await disabled()) === null) await nextLook()
  t.match(await disabled(), { reason: 'gone' })
  t.match(await server.metrics(), /pilotlight_webhook_disabled 1\n/)
  await server.end('SIGKILL')
  await server.start()
  t.match(await disabled(), { reason: 'gone' }, 'it stays so')
  await pilotlight('app', 'webhook', 'set', app, '--url', receiver.url, '--data', server.folder)
  t.equal((await call('POST', '/v1/webhook/test')).status, 200)
  t.match(await receiver.events(), [{ type: 'webhook.test' }], 'what it did not want then is not kept')
  await pilotlight('app', 'webhook', 'remove', app, '--data', server.folder)
  t.equal((await call('GET', '/v1/webhook')).status, 404)
})

t.test('private addresses are refused unless the operator allows them', async (t) => {
  const { receiver, call } = await scene(t, false)
  for (const url of [receiver.url, `https://127.0.0.1:${receiver.port}/`, 'https://[::1]/', 'https://10.1.2.3/'])
    t.match(await call('PUT', '/v1/webhook', { url }), { status: 400, json: { code: 'webhook-invalid' } }, url)
  t.equal((await call('PUT', '/v1/webhook', { url: `https://localhost:${receiver.port}/` })).status, 200)
  t.match((await call('POST', '/v1/webhook/test')).json, { attempts: [{ status: 0, failure: 'private-address' }] })
})
