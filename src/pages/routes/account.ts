import type { App, Context } from '../../sidecar/context.js'
import { Problem } from '../../sidecar/problem.js'
import { FOR_BROWSERS } from '../door.js'
import { fieldOf } from '../form.js'
import { sendPage } from '../send.js'
import { demandSession, sessionOfPage } from '../signed-in.js'

/** `/account`: where a person is signed in. */
export function accountRoutes(app: App, context: Context): void {
  app.get('/account', { onRequest: demandSession, schema: { hide: true } }, async (request, reply) => {
    const { person, id, account } = sessionOfPage(request)
    const found = await context.link.directory({ kind: 'sessions', person })
    const sessions = (found?.kind === 'sessions' ? found.sessions : []).map((session) => ({
      ...session,
      isCurrent: session.id === id,
    }))
    return sendPage(request, reply, 'account', { account, sessions })
  })

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
