import { randomUUID } from 'node:crypto'
import { METHODS } from 'node:http'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import { type FastifyError, type FastifyReply, type FastifyRequest, fastify, type HTTPMethods } from 'fastify'
import type { DestinationStream } from 'pino'
import { Shedding } from '../base/shedding.js'
import { Channels } from './channel/channels.js'
import { withinAddressLimit } from './connections.js'
import type { App, Context } from './context.js'
import { demandWellFormed, whenReady, whenRoom, withinQuota, withKey, withLiveKey, withScope } from './guard.js'
import { lazyCompilers } from './lazy-compilers.js'
import { tellLimit } from './limit-headers.js'
import type { Link } from './link.js'
import { QuietLog, sidecarLog } from './log.js'
import { Metrics } from './metrics.js'
import { addOpenapi } from './openapi.js'
import { type SidecarOptions, sidecarSettings } from './options.js'
import { PROBLEM_TYPE, Problem, problemDocument, problemOf } from './problem.js'
import { readQuery } from './query.js'
import { Quota } from './quota.js'
import { RingRoom } from './ring-room.js'
import { channelRoutes } from './routes/channel.js'
import { deviceRoutes } from './routes/devices.js'
import { operationRoutes } from './routes/operations.js'
import { personRoutes } from './routes/persons.js'
import { presenceRoutes } from './routes/presence.js'
import { ringRoutes } from './routes/rings.js'
import { streamRoutes } from './routes/stream.js'
import { testRoutes } from './routes/test-persons.js'
import { BY_KEY, webhookRoutes } from './routes/webhook.js'
import { SHARED_SCHEMAS } from './schema.js'
import { WEBHOOK_SCHEMAS } from './webhook-schema.js'

/** Largest body, except where a route says otherwise. */
const BODY_BYTES_MAX = 16_384

/** What `buildApp` may be given beside its options. */
export interface AppSurroundings {
  /** where log lines go; default: nowhere */
  log?: DestinationStream
  /** monotonic clock of the limits; default: the process's */
  nowMs?(): number
  /** share of the time since it was last asked in which this thread had work, 0 to 1; default: none */
  busyShare?(): number
  /** the WebSockets; default: a table whose datagrams go nowhere */
  channels?: Channels
  /** adds what is served beside the API; default: nothing */
  addPages?(app: App, context: Context): Promise<void>
}

/**
 * Builds the HTTP application without listening: `inject()` serves it in tests, `listen.ts` on sockets.
 *
 * @param options see `SidecarOptions`; those of the listener are not used here.
 * @param link    the way to the hub.
 */
export async function buildApp(options: SidecarOptions, link: Link, surroundings: AppSurroundings = {}): Promise<App> {
  const settings = sidecarSettings(options)
  const { nowMs = () => performance.now(), busyShare = () => 0, log = { write() {} } } = surroundings
  const { addPages = async () => {}, channels = new Channels({ settings, post() {}, nowMs, firstNumber: 1 }) } =
    surroundings
  const metrics = new Metrics(link, channels.counts, nowMs)
  const [quota, rings] = [new Quota(settings, nowMs), new RingRoom(nowMs)]
  const reads = new Shedding(() => (rings.isStanding ? 1 : busyShare()))
  const context: Context = { settings, link, channels, nowMs, metrics, quota, reads, rings }
  const app = bareApp(settings.trustedProxies, sidecarLog(settings.logLevel, log))
  addReading(app)
  addAnswering(app, context)
  const routes = routeTable(app)
  await addOpenapi(app, settings)
  await app.register(async (open) => {
    operationRoutes(open, context)
    deviceRoutes(open, context)
    channelRoutes(open, context)
  })
  await app.register(async (persons) => personRoutes(persons, context))
  await app.register(async (closed) => {
    closed.addHook('onRequest', whenReady(context))
    closed.addHook('onRequest', whenRoom(context))
    closed.addHook('onRequest', withKey(context))
    closed.addHook('onRequest', withinQuota(context))
    testRoutes(closed, context)
    await closed.register(async (reading) => {
      reading.addHook('onRequest', withScope('presence:read'))
      presenceRoutes(reading, context)
      streamRoutes(reading, context)
    })
    await closed.register(async (ringing) => {
      ringing.addHook('onRequest', withScope('rings:write'))
      ringRoutes(ringing, context)
    })
    await closed.register(async (told) => {
      told.addHook('onRequest', withLiveKey)
      // A webhook tells what both scopes are for.
      told.addHook('onRequest', withScope('presence:read'))
      told.addHook('onRequest', withScope('rings:write'))
      webhookRoutes(told, context, BY_KEY)
    })
  })
  await app.register(async (pages) => addPages(pages, context))
  await app.register(async (rest) => refuseOtherMethods(rest, routes))
  await app.ready()
  return app
}

function bareApp(trustedProxies: string[], loggerInstance: ReturnType<typeof sidecarLog>): App {
  return fastify({
    loggerInstance,
    logController: new QuietLog(),
    bodyLimit: BODY_BYTES_MAX,
    trustProxy: trustedProxies.length === 0 ? false : trustedProxies,
    requestIdHeader: false,
    genReqId: () => randomUUID(),
    routerOptions: { maxParamLength: BODY_BYTES_MAX },
    schemaController: { compilersFactory: lazyCompilers() },
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false, allErrors: false } },
    frameworkErrors: refuse,
  }).withTypeProvider<TypeBoxTypeProvider>() as unknown as App
}

/** Bodies: JSON in valid UTF-8 and nothing else. */
function addReading(app: App): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  const utf8 = new TextDecoder('utf-8', { fatal: true })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, bytes: Buffer, done) => {
    if (request.headers['content-encoding'] !== undefined) return done(new Problem('unsupported-media-type'))
    if (bytes.length === 0) return done(null, undefined)
    let text: string
    try {
      text = utf8.decode(bytes)
    } catch {
      return done(new Problem('malformed-json'))
    }
    return parse(request, text, done)
  })
  app.addHook('preValidation', readQuery)
}

/** Headers of every answer, errors as problem documents, counting. */
function addAnswering(app: App, context: Context): void {
  app.decorateRequest('caller', null)
  app.decorateRequest('session', null)
  for (const schema of [...SHARED_SCHEMAS, ...WEBHOOK_SCHEMAS]) app.addSchema(schema)
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({ 'request-id': request.id, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
  })
  app.addHook('onRequest', demandWellFormed)
  app.addHook('onRequest', withinAddressLimit(context.settings))
  app.addHook('onRequest', async ({ is404 }) => {
    if (is404) throw new Problem('not-found') // before its body is read, and found fault with
  })
  app.addHook('onSend', async (_request, reply) => {
    if (context.link.state === 'stopping') reply.header('connection', 'close')
  })
  app.addHook('onResponse', async (request, reply) => context.metrics.count(request, reply))
  app.setErrorHandler((error, request, reply) => refuse(error as FastifyError, request, reply))
  app.setNotFoundHandler(async () => {
    throw new Problem('not-found')
  })
}

/** Answers with a problem document. Only our own mistakes are logged. */
function refuse(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const problem = problemOf(error)
  if (problem.code === 'internal') request.log.error({ err: error }, 'request failed')
  const document = problemDocument(problem.code, problem.detail, request.id)
  const headers = { 'request-id': request.id, ...problem.headers }
  for (const limit of problem.limits) tellLimit(reply, limit)
  reply
    .code(document.status)
    .headers(headers)
    .header('content-type', PROBLEM_TYPE)
    .serializer(JSON.stringify)
    .send(document)
}

/** Collects path pattern -> methods while routes are added. */
function routeTable(app: App): Map<string, Set<string>> {
  const routes = new Map<string, Set<string>>()
  app.addHook('onRoute', ({ url, method }) => {
    const methods = routes.get(url) ?? new Set()
    for (const one of [method].flat()) methods.add(one)
    routes.set(url, methods)
  })
  return routes
}

/** 405 with Allow, for each method that a path does not have. */
function refuseOtherMethods(app: App, routes: Map<string, Set<string>>): void {
  const known = new Set<string>(app.supportedMethods)
  for (const method of METHODS) if (method !== 'CONNECT' && !known.has(method)) app.addHttpMethod(method)
  for (const [url, methods] of [...routes]) {
    const allow = [...methods].sort().join(', ')
    const refuseMethod = async () => {
      throw new Problem('method-not-allowed', '', { allow })
    }
    const others = app.supportedMethods.filter((method) => !methods.has(method)) as HTTPMethods[]
    app.route({
      method: others,
      url,
      exposeHeadRoute: false,
      schema: { hide: true },
      onRequest: refuseMethod,
      handler: refuseMethod,
    })
  }
}
