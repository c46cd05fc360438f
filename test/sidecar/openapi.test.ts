import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import t from 'tap'
import { PROBLEMS } from '../../src/sidecar/problem.js'
import { isoTime, presenceJson, ringJson } from '../../src/sidecar/view.js'
import { bodyOf, type EventType, webhookEvent } from '../../src/webhook/event.js'
import { AUTH, CODE, fixture, JSON_AUTH, PUID, RING_ID, ringView, view } from './fake-main.js'

type Json = Record<string, unknown>
interface Media {
  schema: Json
  examples?: Record<string, { value: unknown }>
  example?: unknown
}
interface Operation {
  operationId: string
  summary: string
  security: Json[]
  tags: string[]
  parameters?: { name: string; in: string; required?: boolean; schema: Json }[]
  requestBody?: { content: Record<string, Media> }
  responses: Record<string, { description: string; headers?: Json; content?: Record<string, Media> }>
}
interface Document {
  openapi: string
  info: Json
  paths: Record<string, Record<string, Operation>>
  webhooks: Record<string, { post: Operation }>
  components: { securitySchemes: Json; schemas: Record<string, Json> }
}

// Fastify's own copy of Ajv, for the dialect of OpenAPI 3.1.
const fromFastify = createRequire(createRequire(import.meta.url).resolve('@fastify/ajv-compiler'))
const { Ajv2020 } = fromFastify('ajv/dist/2020') as { Ajv2020: new (options: Json) => Ajv }
const addFormats = fromFastify('ajv-formats') as (ajv: Ajv) => void
interface Ajv {
  addSchema(schema: Json, key: string): Ajv
  compile(schema: Json): ((value: unknown) => boolean) & { errors?: unknown }
}

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

async function load() {
  const made = await fixture({ publicUrl: 'https://presence.example', version: '1.2.3' })
  const document = (await made.app.inject('/openapi.json')).json() as Document
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  addFormats(ajv)
  ajv.addSchema(document as unknown as Json, 'openapi')
  const check = (schema: Json, value: unknown): string => {
    const validate = ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"openapi#/components')))
    return validate(value) ? '' : JSON.stringify(validate.errors)
  }
  return { ...made, document, check }
}

t.test('the document describes every route, every answer and every parameter', async (t) => {
  const { document, check } = await load()
  t.match(document, {
    openapi: '3.1.0',
    info: { title: 'Pilotlight', version: '1.2.3' },
    servers: [{ url: 'https://presence.example' }],
  })
  t.match(document.components.securitySchemes, { bearer: { type: 'http', scheme: 'bearer' } })
  t.same(Object.keys(document.components.schemas).sort(), ['OAuthError', 'Presence', 'Problem', 'Ring', 'UnknownPuid'])
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
        const examples =
          media.example === undefined ? Object.values(media.examples ?? {}).map(({ value }) => value) : [media.example]
        t.ok(examples.length > 0, `${name}: example of the body`)
        for (const example of examples) t.equal(check(media.schema, example), '')
      }
    }
  }
  t.equal(ids.size, 44, 'operation ids are unique')
})

t.test('the document describes every webhook, and what is sent fits it', async (t) => {
  const { document, check } = await load()
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
    const other = webhookEvent('webhook.test', 'id', '', 5, { not: 'one of this type' })
    t.equal(check(media.schema, JSON.parse(bodyOf([other, event], 5))), '', `${type}: as it is sent`)
    t.not(check(media.schema, JSON.parse(bodyOf([other], 5))), '', `${type}: without one it does not fit`)
  }
})

t.test('every code is documented on some route, or is of no route', async (t) => {
  const { document } = await load()
  const text = JSON.stringify(document.paths)
  for (const code of Object.keys(PROBLEMS)) {
    if (code === 'method-not-allowed' || code === 'not-found') continue
    t.ok(text.includes(`"/errors#${code}"`), code)
  }
})

t.test('answers fit the schemas', async (t) => {
  const { app, document, check, main, link } = await load()
  const fits = async (method: 'get' | 'post' | 'put' | 'delete', path: string, url: string, more: object = {}) => {
    const answer = await app.inject({ method: method.toUpperCase() as 'GET', url, headers: AUTH, ...more })
    const type = String(answer.headers['content-type']).split(';')[0] ?? ''
    const media = document.paths[path]?.[method]?.responses[String(answer.statusCode)]?.content?.[type]
    const name = `${method} ${url} ${answer.statusCode}`
    if (media === undefined) return t.fail(`${name}: not documented`)
    t.equal(check(media.schema, type.endsWith('json') ? answer.json() : answer.body), '', name)
    return answer.statusCode
  }
  const device = { code: CODE, publicKey: 'A'.repeat(43), name: 'Phone' }
  const post = (payload: unknown) => ({ headers: JSON_AUTH, payload: payload as object })
  for (const path of ['/healthz', '/readyz', '/metrics', '/openapi.json', '/errors']) await fits('get', path, path)
  await fits('post', '/v1/devices', '/v1/devices', post(device))
  await fits('post', '/v1/devices', '/v1/devices', post({ ...device, code: 'bad' }))
  await fits('post', '/v1/devices', '/v1/devices', { ...post(device), remoteAddress: '192.0.2.1' })
  await fits('get', '/v1/channel', '/v1/channel')
  await fits('get', '/v1/presence/{puid}', `/v1/presence/${PUID}`)
  await fits('get', '/v1/presence/{puid}', '/v1/presence/nobody')
  await fits('get', '/v1/presence/{puid}', `/v1/presence/${PUID}`, { headers: {} })
  await fits('post', '/v1/presence/query', '/v1/presence/query', post({ puids: [PUID, 'nobody', PUID] }))
  await fits('post', '/v1/presence/query', '/v1/presence/query', post({ puids: [] }))
  await fits('get', '/v1/presence/stream', '/v1/presence/stream?x=1')
  for (const created of [true, false]) {
    const ring = ringView({
      state: 'accepted',
      by: PUID,
      reply: 'AAEC',
      reason: 'offline',
      deliveredMs: 1,
      shownMs: 2,
      endedMs: 3,
    })
    main.answer = ({ request }) => ({ kind: 'ring', request, ring, created })
    await fits('post', '/v1/rings', '/v1/rings', post({ to: PUID, title: 'T' }))
  }
  await fits('post', '/v1/rings', '/v1/rings', post({ to: PUID }))
  await fits('post', '/v1/rings', '/v1/rings', { headers: AUTH, payload: 'x' })
  await fits('get', '/v1/rings/{id}', `/v1/rings/${RING_ID}?waitSeconds=1`)
  await fits('delete', '/v1/rings/{id}', `/v1/rings/${RING_ID}`)
  await fits('delete', '/v1/rings/{id}', '/v1/rings/none')
  for (const known of [true, false]) {
    main.isWebhookKnown = known
    await fits('get', '/v1/webhook', '/v1/webhook')
    await fits('put', '/v1/webhook', '/v1/webhook', post({ url: 'https://chat.example/' }))
    await fits('put', '/v1/webhook', '/v1/webhook', post({ url: 5 }))
    await fits('post', '/v1/webhook/secret', '/v1/webhook/secret')
    await fits('post', '/v1/webhook/test', '/v1/webhook/test')
    await fits('get', '/v1/webhook/deliveries', '/v1/webhook/deliveries')
    await fits('post', '/v1/webhook/deliveries/{id}/replay', '/v1/webhook/deliveries/dlv_1/replay')
    await fits('delete', '/v1/webhook', '/v1/webhook')
  }
  link.stop()
  t.equal(await fits('get', '/v1/rings/{id}', `/v1/rings/${RING_ID}`), 503)
})

t.test('docs/errors.md and /errors have every code', async (t) => {
  const { app } = await fixture()
  const page = (await app.inject('/errors')).body
  const docs = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8')
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
