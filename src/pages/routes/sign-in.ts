import type { FastifyReply, FastifyRequest } from 'fastify'
import type { App, Context } from '../../sidecar/context.js'
import { withinEnrolLimits } from '../../sidecar/routes/devices.js'
import { setCookie } from '../cookies.js'
import { FOR_BROWSERS } from '../door.js'
import { fieldOf } from '../form.js'
import { sendPage } from '../send.js'
import { browserName, signInBrowser, visitorOf } from '../visitor.js'
import { wayOf } from '../way.js'

/** Longest one-time code that is looked at. */
const CODE_CHARACTERS_MAX = 64

/** `/sign-in` and `/sign-out`. */
export function signInRoutes(app: App, context: Context): void {
  app.get('/sign-in', { schema: { hide: true } }, async (request, reply) => {
    const next = wayOf((request.query as Record<string, unknown>)['next'], '/panel')
    if (visitorOf(request).session !== null) return reply.code(303).header('location', next).send()
    return sendSignIn(request, reply, { next, isWrong: false })
  })

  app.post(
    '/sign-in',
    { constraints: FOR_BROWSERS, onRequest: withinEnrolLimits(context), schema: { hide: true } },
    async (request, reply) => {
      const next = wayOf(fieldOf(request, 'next'), '/panel')
      const code = fieldOf(request, 'code')
      const label = browserName(request.headers['user-agent'])
      const isCode = code !== '' && code.length <= CODE_CHARACTERS_MAX
      const signed = isCode ? await context.link.directory({ kind: 'sign-in', code, label }) : null
      if (signed?.kind !== 'signed-in') return sendSignIn(request, reply, { next, isWrong: true })
      await signInBrowser(context, request, reply, signed)
      return reply.code(303).header('location', next).send()
    },
  )

  app.post('/sign-out', { constraints: FOR_BROWSERS, schema: { hide: true } }, async (request, reply) => {
    const { session } = visitorOf(request)
    if (session !== null) await context.link.directory({ kind: 'sign-out', person: session.person, id: session.id })
    setCookie(request, reply, 'session', '')
    return reply.code(303).header('location', '/').send()
  })
}

function sendSignIn(request: FastifyRequest, reply: FastifyReply, view: { next: string; isWrong: boolean }) {
  return sendPage(request, reply, 'sign-in', view, { status: view.isWrong ? 403 : 200 })
}
