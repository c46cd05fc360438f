import { readFileSync } from 'node:fs'
import t from 'tap'
import { PROBLEMS } from '../../src/sidecar/problem.js'
import { bodyOf, type EventType, webhookEvent } from '../../src/webhook/event.js'
import { isoTime, presenceJson, ringJson } from '../../src/webhook/view.js'
import { ROOT } from '../support/root.js'
import type { Media } from './contract.js'
import { fixture, PUID, ringView, view } from './fake-main.js'

const ROUTES: Record<string, string[]> = {
  '/healthz': ['get'],
  '/readyz': ['get'],
  '/metrics': ['get'],
  '/openapi.json': ['get'],
  '/errors': ['get'],
  '/v1/channel': ['get'],
  '/v1/devices': ['post'],
  '/v1/presence/{puid}': ['get'],
  '/v1/presence/query': ['post'],
  '/v1/presence/stream': ['get'],
  '/v1/rings': ['post'],
  '/v1/rings/{id}': ['delete', 'get'],
  '/v1/sessions': ['get', 'post'],
  '/v1/sessions/{id}': ['delete'],
  '/v1/apps': ['get', 'post'],
  '/v1/apps/{id}': ['delete', 'get', 'patch'],
  '/v1/apps/{id}/keys': ['post'],
  '/v1/apps/{id}/keys/{key}': ['delete'],
  '/v1/apps/{id}/domain-check': ['post'],
  '/v1/apps/{app}/webhook': ['delete', 'get', 'put'],
  '/v1/apps/{app}/webhook/secret': ['post'],
  '/v1/apps/{app}/webhook/test': ['post'],
  '/v1/apps/{app}/webhook/deliveries': ['get'],
  '/v1/apps/{app}/webhook/deliveries/{id}/replay': ['post'],
  '/v1/test/persons': ['get'],
  '/v1/test/persons/{puid}': ['post'],
  '/authorize': ['get', 'post'],
  '/oauth/token': ['post'],
  '/.well-known/oauth-authorization-server': ['get'],
  '/v1/webhook': ['delete', 'get', 'put'],
  '/v1/webhook/secret': ['post'],
  '/v1/webhook/test': ['post'],
  '/v1/webhook/deliveries': ['get'],
  '/v1/webhook/deliveries/{id}/replay': ['post'],
}

/** Operations that a signed-in person asks for. */
const OF_PERSONS = /^(get|delete) \/v1\/sessions|\/v1\/apps|^post \/authorize/

const { app, contract } = await fixture({ publicUrl: 'https://presence.example', version: '1.2.3' })
const { document } = contract
const check = contract.check.bind(contract)

t.test('the document describes every route, every answer and every parameter', async (t) => {
  t.same((await app.inject('/openapi.json')).json(), document, 'what is served')
  t.match(document, {
    openapi: '3.1.0',
    info: { title: 'Pilotlight', version: '1.2.3' },
    servers: [{ url: 'https://presence.example' }],
  })
  t.match(document.components.securitySchemes, { bearer: { type: 'http', scheme: 'bearer' } })
  t.same(Object.keys(document.components.schemas).sort(), [
    'Delivery',
    'OAuthError',
    'Presence',
    'PresenceReset',
    'Problem',
    'Restarted',
    'Ring',
    'Snapshot',
    'StreamReset',
    'UnknownPuid',
    'Webhook',
    'WebhookEvent',
  ])
  t.same(
    Object.fromEntries(Object.entries(document.paths).map(([path, item]) => [path, Object.keys(item).sort()])),
    ROUTES,
  )
  const ids = new Set<string>()
  for (const [path, item] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      const name = `${method} ${path}`
      ids.add(operation.operationId)
      t.ok(operation.summary && operation.tags.length === 1, `${name}: summary and tag`)
      const ofPerson = OF_PERSONS.test(name)
      const isOpen = !path.startsWith('/v1/') || ['/v1/devices', '/v1/channel', '/v1/sessions'].includes(path)
      const closed = !isOpen && !ofPerson
      t.same(operation.security, ofPerson ? [{ session: [] }] : closed ? [{ bearer: [] }] : [], `${name}: key`)
      const isToken = path === '/oauth/token'
      t.equal(operation.responses['401'] !== undefined, closed || ofPerson || isToken, `${name}: 401`)
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1])
      const declared =
        operation.parameters?.filter((parameter) => parameter.in === 'path').map((parameter) => parameter.name) ?? []
      t.same(declared, inPath, `${name}: path parameters`)
      for (const [status, answer] of Object.entries(operation.responses)) {
        t.not(answer.description, 'Default Response', `${name} ${status}: description`)
        for (const [type, media] of Object.entries(answer.content ?? {})) {
          if (Number(status) >= 400) {
            t.equal(type, isToken ? 'application/json' : 'application/problem+json')
            t.same(media.schema, { $ref: `#/components/schemas/${isToken ? 'OAuthError' : 'Problem'}` })
          } else if (closed)
            t.ok(answer.headers?.['ratelimit'] && answer.headers['ratelimit-policy'], `${name} ${status}: limits`)
          const examples = Object.values(media.examples ?? {}).map(({ value }) => value)
          if (Number(status) >= 400 || closed) t.ok(examples.length > 0, `${name} ${status}: examples`)
          for (const example of examples) t.equal(check(media.schema, example), '', `${name} ${status}: example fits`)
        }
      }
      for (const media of Object.values(operation.requestBody?.content ?? {})) {
        const named = Object.values(media.examples ?? {}).map(({ value }) => value)
        const examples = media.example === undefined ? named : [media.example]
        t.ok(examples.length > 0, `${name}: example of the body`)
        for (const example of examples) t.equal(check(media.schema, example), '')
      }
    }
  }
  t.equal(ids.size, 44, 'operation ids are unique')
})

t.test('the document describes every webhook, and what is sent fits it', async (t) => {
  const sent = {
    'presence.changed': presenceJson(view(PUID)),
    'presence.restarted': { bootedAt: isoTime(1), offlineAt: isoTime(2) },
    'presence.reset': { reason: 'overflow' },
    'ring.changed': ringJson(ringView({ state: 'delivered', deliveredMs: 1 })),
    'ring.ended': ringJson(ringView({ state: 'accepted', by: PUID, endedMs: 3 })),
    'webhook.test': {},
  } as const
  t.same(Object.keys(document.webhooks), Object.keys(sent))
  for (const [type, { post }] of Object.entries(document.webhooks)) {
    t.ok(post.summary && post.operationId, type)
    t.same(
      post.parameters?.map(({ name }) => name),
      ['webhook-id', 'webhook-timestamp', 'webhook-signature'],
    )
    const media = post.requestBody?.content['application/json'] as Media
    for (const { value } of Object.values(media.examples ?? {}))
      t.equal(check(media.schema, value), '', `${type}: example`)
    const event = webhookEvent(type as EventType, 'id', '', 5, sent[type as keyof typeof sent])
    const otherType = type === 'webhook.test' ? 'presence.reset' : 'webhook.test'
    const other = webhookEvent(otherType, 'id', '', 5, sent[otherType])
    t.equal(check(media.schema, JSON.parse(bodyOf([other, event], 5))), '', `${type}: as it is sent`)
    t.not(check(media.schema, JSON.parse(bodyOf([other], 5))), '', `${type}: without one it does not fit`)
    const strange = webhookEvent(otherType, 'id', '', 5, { not: 'of this type' })
    t.not(check(media.schema, JSON.parse(bodyOf([strange, event], 5))), '', `${type}: nor beside what is none`)
  }
})

/** Those of every path, and those of pages, which are not in the document. */
const OF_NO_ROUTE = new Set(['method-not-allowed', 'not-found', 'form-refused', 'sign-in-failed', 'unknown-device'])

t.test('every code is documented on some route, or is of no route', async (t) => {
  const text = JSON.stringify(document.paths)
  for (const code of Object.keys(PROBLEMS)) {
    if (OF_NO_ROUTE.has(code)) continue
    t.ok(text.includes(`"/errors#${code}"`), code)
  }
})

t.test('docs/errors.md and /errors have every code', async (t) => {
  const page = (await app.inject('/errors')).body
  const docs = readFileSync(`${ROOT}/docs/errors.md`, 'utf8')
  const section = /## HTTP problems\n([\s\S]*?)\n## /.exec(docs)?.[1] ?? ''
  const rows = [...section.matchAll(/^\| `([a-z-]+)` \| (\d+) \| (.*) \| (.*) \|$/gm)].map(
    ([, code, status, title, hint]) => [code, Number(status), title, hint],
  )
  t.same(
    rows,
    Object.entries(PROBLEMS).map(([code, { status, title, hint }]) => [code, status, title, hint]),
  )
  for (const code of Object.keys(PROBLEMS)) t.ok(page.includes(`<dt id="${code}">`))
})
