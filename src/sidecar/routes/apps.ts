import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { AppKey } from '../../hub/message.js'
import { SCOPES } from '../../store/app-row.js'
import type { DirectoryAnswer } from '../../store/directory-message.js'
import { signedIn } from '../caller.js'
import { checkedDetails, ownApp, verifyDomain } from '../consent/own-app.js'
import { APP_FIELDS, AppId, AppView, AppWithKey, appJson, Mode, Scopes } from '../consent/schema.js'
import type { App, Context } from '../context.js'
import { withSession } from '../guard.js'
import { Problem, type ProblemCode } from '../problem.js'
import { answer, problems, record } from '../schema.js'

const PAGE = { description: 'Applications of a page.', minimum: 1, maximum: 100, default: 20 }
const PARAMS = record({ id: AppId })
const EXAMPLE = {
  name: 'Chat',
  redirectUris: ['https://chat.example/cb'],
  homePage: 'https://chat.example/',
  domain: '',
}

const NewApp = record(
  {
    name: APP_FIELDS.name,
    redirectUris: Type.Optional(APP_FIELDS.redirectUris),
    homePage: Type.Optional(APP_FIELDS.homePage),
    domain: Type.Optional(APP_FIELDS.domain),
    mode: Type.Optional(Mode),
    scopes: Type.Optional(Scopes),
  },
  { examples: [{ ...EXAMPLE, mode: 'live', scopes: [...SCOPES] }] },
)
const Change = Type.Partial(record(APP_FIELDS), { additionalProperties: false, examples: [{ name: 'Chat 2' }] })
const NewKey = record(
  { mode: Type.Optional(Mode), scopes: Type.Optional(Scopes) },
  { examples: [{ mode: 'test', scopes: ['presence:read'] }] },
)
const Page = record(
  {
    apps: Type.Array(AppView),
    next: Type.Unsafe<string | null>({ type: ['string', 'null'], description: 'Cursor of the next page, or null.' }),
  },
  { title: 'Applications' },
)

const READ: ProblemCode[] = ['https-required', 'not-signed-in', 'rate-limited']
const WRITE: ProblemCode[] = [...READ, 'malformed-json', 'body-too-large', 'unsupported-media-type']
const COMMON = { tags: ['applications'], security: [{ session: [] as string[] }] }

/** `/v1/apps`: a developer's applications and their API keys. */
export function appRoutes(app: App, context: Context): void {
  addRoute(app, context)
  listRoute(app, context)
  oneRoutes(app, context)
  keyRoutes(app, context)
  domainRoute(app, context)
}

function addRoute(app: App, context: Context): void {
  app.post(
    '/v1/apps',
    {
      onRequest: withSession(context),
      schema: {
        ...COMMON,
        operationId: 'addApp',
        summary: 'Register an application',
        body: NewApp,
        response: {
          201: answer('It is registered.', AppWithKey),
          ...problems(...WRITE, 'invalid-request', 'too-many-apps'),
        },
      },
    },
    async (request, reply) => {
      const { mode = 'live', scopes = [...SCOPES], ...details } = request.body
      const given = { redirectUris: [], homePage: '', domain: '', ...checkedDetails(details) }
      const owner = signedIn(request).person
      const details2 = { ...given, name: details.name }
      const added = await context.link.directory({ kind: 'app-add', owner, details: details2, mode, scopes })
      if (added?.kind === 'full') throw new Problem('too-many-apps')
      const { json, apiKey } = told(added)
      return reply
        .code(201)
        .header('location', `/v1/apps/${json.id}`)
        .send({ ...json, apiKey })
    },
  )
}

function listRoute(app: App, context: Context): void {
  app.get(
    '/v1/apps',
    {
      onRequest: withSession(context),
      schema: {
        ...COMMON,
        operationId: 'listApps',
        summary: 'Your applications',
        querystring: record({
          after: Type.Optional(Type.String({ description: '`next` of the page before.', pattern: '^[0-9a-z]{1,11}$' })),
          limit: Type.Optional(Type.Integer(PAGE)),
        }),
        response: { 200: answer('One page, the oldest first.', Page), ...problems(...READ, 'invalid-request') },
      },
    },
    async (request) => {
      const { after = '0', limit = PAGE.default } = request.query
      const owner = signedIn(request).person
      const cursor = Number.parseInt(after, 36)
      const found = await context.link.directory({ kind: 'apps', owner, after: cursor, limit: limit + 1 })
      const apps = found?.kind === 'apps' ? found.apps : []
      const page = apps.slice(0, limit)
      const last = page.at(-1)
      return { apps: page.map(appJson), next: apps.length > limit && last ? last.app.toString(36) : null }
    },
  )
}

function oneRoutes(app: App, context: Context): void {
  const onRequest = withSession(context)
  app.get(
    '/v1/apps/:id',
    {
      onRequest,
      schema: {
        ...COMMON,
        operationId: 'readApp',
        summary: 'One application',
        params: PARAMS,
        response: { 200: answer('The application.', AppView), ...problems(...READ, 'unknown-app') },
      },
    },
    async (request) => appJson(await ownApp(context, signedIn(request).person, request.params.id)),
  )
  app.patch(
    '/v1/apps/:id',
    {
      onRequest,
      schema: {
        ...COMMON,
        operationId: 'changeApp',
        summary: 'Change an application',
        description: 'Fields that are left out stay. Another domain is not verified yet.',
        params: PARAMS,
        body: Change,
        response: { 200: answer('The application.', AppView), ...problems(...WRITE, 'invalid-request', 'unknown-app') },
      },
    },
    async (request) => {
      const owner = signedIn(request).person
      const details = checkedDetails(request.body)
      return told(await context.link.directory({ kind: 'app-change', owner, appId: request.params.id, details })).json
    },
  )
  app.delete(
    '/v1/apps/:id',
    {
      onRequest,
      schema: {
        ...COMMON,
        operationId: 'removeApp',
        summary: 'Remove an application',
        description: 'Its keys end at once, its open rings fail, its PUIDs mean nobody any more.',
        params: PARAMS,
        response: { 204: { description: 'It is gone.', type: 'null' }, ...problems(...WRITE, 'unknown-app') },
      },
    },
    async (request, reply) => {
      const owner = signedIn(request).person
      told(await context.link.directory({ kind: 'app-remove', owner, appId: request.params.id }))
      return reply.code(204).send(null)
    },
  )
}

function keyRoutes(app: App, context: Context): void {
  const onRequest = withSession(context)
  app.post(
    '/v1/apps/:id/keys',
    {
      onRequest,
      schema: {
        ...COMMON,
        operationId: 'addKey',
        summary: 'Make another API key',
        description:
          'Two of each mode are live at once: the third ends the oldest. Without `scopes` it has those of the last one.',
        params: PARAMS,
        body: NewKey,
        response: {
          201: answer('The application, with the key.', AppWithKey),
          ...problems(...WRITE, 'invalid-request', 'unknown-app'),
        },
      },
    },
    async (request, reply) => {
      const { mode = 'live', scopes = null } = request.body
      const owner = signedIn(request).person
      const ask = { kind: 'key-add', owner, appId: request.params.id, mode, scopes } as const
      const { json, apiKey } = told(await context.link.directory(ask))
      return reply.code(201).send({ ...json, apiKey })
    },
  )
  app.delete(
    '/v1/apps/:id/keys/:key',
    {
      onRequest,
      schema: {
        ...COMMON,
        operationId: 'endKey',
        summary: 'End an API key',
        params: record({ id: AppId, key: Type.String({ description: 'Id of the key.' }) }),
        response: {
          204: { description: 'It is over at once.', type: 'null' },
          ...problems(...WRITE, 'unknown-app', 'unknown-key'),
        },
      },
    },
    async (request, reply) => {
      const { id, key } = request.params
      const owner = signedIn(request).person
      await ownApp(context, owner, id)
      const ended = await context.link.directory({ kind: 'key-remove', owner, appId: id, keyId: key })
      if (ended === null) throw new Problem('unknown-key')
      return reply.code(204).send(null)
    },
  )
}

function domainRoute(app: App, context: Context): void {
  app.post(
    '/v1/apps/:id/domain-check',
    {
      onRequest: withSession(context),
      schema: {
        ...COMMON,
        operationId: 'checkDomain',
        summary: 'Verify the domain of an application',
        description:
          'Reads `https://DOMAIN/.well-known/pilotlight-app.json` (`{"apps": ["app_..."]}`) and the DNS TXT records of `_pilotlight.DOMAIN` (`app_...`). One of them must name the application.',
        params: PARAMS,
        response: {
          200: answer('The domain is verified.', AppView),
          ...problems(...WRITE, 'unknown-app', 'domain-not-shown'),
        },
      },
    },
    async (request) => {
      return appJson(await verifyDomain(context, signedIn(request).person, request.params.id))
    },
  )
}

/** Key of an application of the person who is signed in. @throws Problem unknown-app. */
export async function ownAppKey(context: Context, request: FastifyRequest, appId: string): Promise<AppKey> {
  return (await ownApp(context, signedIn(request).person, appId)).app
}

function told(found: DirectoryAnswer) {
  if (found?.kind !== 'app') throw new Problem('unknown-app')
  return { json: appJson(found.app), apiKey: found.apiKey ?? '' }
}
