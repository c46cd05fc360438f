import type { App, Context } from '../../sidecar/context.js'
import { Problem } from '../../sidecar/problem.js'
import { setCookie } from '../cookies.js'
import { FOR_BROWSERS } from '../door.js'
import { fieldOf } from '../form.js'
import type { Oidc } from '../oidc.js'
import { sendPage } from '../send.js'
import { demandSession, sessionOfPage } from '../signed-in.js'
import { visitorOf } from '../visitor.js'

/** As many as one developer may have. */
const APPS_SHOWN = 100

/** `/account`: where a person is signed in. */
export function accountRoutes(app: App, context: Context, oidc: Oidc | null): void {
  app.get('/account', { onRequest: demandSession, schema: { hide: true } }, async (request, reply) => {
    const { person, id, account } = sessionOfPage(request)
    const found = await context.link.directory({ kind: 'sessions', person })
    const { sessions: live, known } = found?.kind === 'sessions' ? found : { sessions: [], known: [] }
    const sessions = live.map((session) => ({ ...session, isCurrent: session.id === id }))
    const kept = await context.link.directory({ kind: 'passkeys', person })
    const passkeys = kept?.kind === 'passkeys' ? kept.passkeys : []
    return sendPage(
      request,
      reply,
      'account',
      { account, sessions, known, passkeys },
      { formTargets: oidc === null ? [] : [oidc.origin] },
    )
  })

  app.get('/account/delete', { onRequest: demandSession, schema: { hide: true } }, async (request, reply) => {
    const { person } = sessionOfPage(request)
    const found = await context.link.directory({ kind: 'apps', owner: person, after: 0, limit: APPS_SHOWN })
    const apps = found?.kind === 'apps' ? found.apps.map(({ name }) => name) : []
    return sendPage(request, reply, 'account-delete', { apps })
  })

  app.post(
    '/account/delete',
    { constraints: FOR_BROWSERS, onRequest: demandSession, schema: { hide: true } },
    async (request, reply) => {
      if (fieldOf(request, 'sure') !== 'yes') return reply.code(303).header('location', '/account/delete').send()
      const { account } = sessionOfPage(request)
      await context.link.directory({ kind: 'account-remove', account })
      setCookie(request, reply, 'session', '')
      setCookie(request, reply, 'known', '')
      request.visitor = { ...visitorOf(request), session: null }
      // The browser forgets too: its keys and its copy of the list.
      reply.header('clear-site-data', '"storage"')
      return sendPage(request, reply, 'account-deleted', {})
    },
  )

  app.post(
    '/account/sessions/end',
    { constraints: FOR_BROWSERS, onRequest: demandSession, schema: { hide: true } },
    async (request, reply) => {
      const { person } = sessionOfPage(request)
      const ended = await context.link.directory({ kind: 'sign-out', person, id: fieldOf(request, 'session') })
      if (ended === null) throw new Problem('unknown-session')
      return reply.code(303).header('location', '/account').send()
    },
  )
}
