import type { FastifyReply, FastifyRequest } from 'fastify'
import { appText } from '../../sidecar/consent/authorization.js'
import { checkedDetails, ownApp, verifyDomain } from '../../sidecar/consent/own-app.js'
import { REDIRECT_URI_CHARACTERS_MAX, REDIRECT_URIS_MAX } from '../../sidecar/consent/redirect-uri.js'
import type { App, Context } from '../../sidecar/context.js'
import { Problem, problemOf } from '../../sidecar/problem.js'
import { type AppDetails, SCOPES, type Scope } from '../../store/app-row.js'
import { doneOnAppPage, sendAppPage } from '../app-page.js'
import { FOR_BROWSERS } from '../door.js'
import { fieldOf, formOf } from '../form.js'
import { sendPage } from '../send.js'
import { demandSession, sessionOfPage } from '../signed-in.js'

const NAME_CHARACTERS_MAX = 120
/** As many as one developer may have. */
const APPS_SHOWN = 100

/** `/developers`: a developer's applications, by the same steps as `/v1/apps`. */
export function developerRoutes(app: App, context: Context): void {
  const reading = { onRequest: demandSession, schema: { hide: true } }
  const writing = { ...reading, constraints: FOR_BROWSERS }

  app.get('/developers', reading, async (request, reply) => sendList(context, request, reply))

  app.post('/developers', writing, async (request, reply) => {
    try {
      const owner = sessionOfPage(request).person
      const { name, ...rest } = typedDetails(request)
      const details = { name, ...NOTHING, ...checkedDetails(rest) }
      // A test key first: it works at once, and reaches nobody but echo persons.
      const ask = { kind: 'app-add', owner, details, mode: 'test', scopes: [...SCOPES] } as const
      const added = await context.link.directory({ ...ask, scopes: [...SCOPES] })
      if (added?.kind === 'full') throw new Problem('too-many-apps')
      if (added?.kind !== 'app') throw new Problem('internal')
      const news = { apiKey: added.apiKey ?? '', done: 'dev.registered' }
      return await sendAppPage(context, request, reply, news, { status: 201, app: added.app })
    } catch (error) {
      const { code, detail } = problemOf(error)
      if (code === 'internal') throw error
      return sendList(context, request, reply, detail === '' ? code : detail)
    }
  })

  app.get('/developers/:id', reading, async (request, reply) => sendAppPage(context, request, reply))

  app.post('/developers/:id/change', writing, async (request, reply) =>
    doneOnAppPage(context, request, reply, async ({ owner, ...found }) => {
      const details = checkedDetails(typedDetails(request))
      await context.link.directory({ kind: 'app-change', owner, appId: appText({ owner, ...found }), details })
      return { done: 'dev.saved' }
    }),
  )

  app.post('/developers/:id/remove', writing, async (request, reply) => {
    const owner = sessionOfPage(request).person
    const appId = (request.params as { id: string }).id
    await ownApp(context, owner, appId)
    if (fieldOf(request, 'sure') === 'yes') await context.link.directory({ kind: 'app-remove', owner, appId })
    return reply.code(303).header('location', '/developers').send()
  })

  app.post('/developers/:id/keys', writing, async (request, reply) =>
    doneOnAppPage(context, request, reply, async ({ owner, ...found }) => {
      const mode = fieldOf(request, 'mode') === 'live' ? 'live' : 'test'
      const asked = formOf(request).getAll('scope')
      const scopes = SCOPES.filter((scope): scope is Scope => asked.includes(scope))
      const ask = { kind: 'key-add', owner, appId: appText({ owner, ...found }), mode, scopes } as const
      const made = await context.link.directory({ ...ask, scopes: [...scopes] })
      return made?.kind === 'app' ? { apiKey: made.apiKey ?? '' } : {}
    }),
  )

  app.post('/developers/:id/keys/end', writing, async (request, reply) =>
    doneOnAppPage(context, request, reply, async ({ owner, ...found }) => {
      const ask = {
        kind: 'key-remove',
        owner,
        appId: appText({ owner, ...found }),
        keyId: fieldOf(request, 'key'),
      } as const
      if ((await context.link.directory(ask)) === null) throw new Problem('unknown-key')
      return { done: 'dev.ended' }
    }),
  )

  app.post('/developers/:id/domain', writing, async (request, reply) =>
    doneOnAppPage(context, request, reply, async (found) => {
      await verifyDomain(context, sessionOfPage(request).person, appText(found))
      return { done: 'dev.domainVerified' }
    }),
  )
}

const NOTHING = { redirectUris: [], homePage: '', domain: '' }

/** @throws Problem invalid-request. */
function typedDetails(request: FastifyRequest): AppDetails {
  const name = fieldOf(request, 'name')
  if (name === '' || name.length > NAME_CHARACTERS_MAX || /\p{Cs}/u.test(name)) {
    throw new Problem('invalid-request', `A name has 1 to ${NAME_CHARACTERS_MAX} characters.`)
  }
  const redirectUris = [...new Set(fieldOf(request, 'redirectUris').split(/\s+/))].filter((uri) => uri !== '')
  if (redirectUris.length > REDIRECT_URIS_MAX || redirectUris.some((uri) => uri.length > REDIRECT_URI_CHARACTERS_MAX)) {
    throw new Problem('invalid-request', `At most ${REDIRECT_URIS_MAX} redirect URIs.`)
  }
  const [homePage, domain] = [fieldOf(request, 'homePage').slice(0, 512), fieldOf(request, 'domain').slice(0, 253)]
  return { name, redirectUris, homePage, domain }
}

async function sendList(context: Context, request: FastifyRequest, reply: FastifyReply, fault = '') {
  const { person } = sessionOfPage(request)
  const found = await context.link.directory({ kind: 'apps', owner: person, after: 0, limit: APPS_SHOWN })
  const apps = (found?.kind === 'apps' ? found.apps : []).map((app) => ({ ...app, id: appText(app) }))
  const typed = Object.fromEntries(
    ['name', 'redirectUris', 'homePage', 'domain'].map((name) => [name, fieldOf(request, name)]),
  )
  return sendPage(request, reply, 'developers', { apps, fault, typed }, { status: fault === '' ? 200 : 400 })
}
