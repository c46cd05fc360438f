import { Type } from 'typebox'
import type { SessionRow } from '../../store/directory-message.js'
import { isoTime } from '../../webhook/view.js'
import { signedIn } from '../caller.js'
import { SessionView } from '../consent/schema.js'
import type { App, Context } from '../context.js'
import { withSession } from '../guard.js'
import { Problem } from '../problem.js'
import { answer, problems, record, text } from '../schema.js'
import { withinEnrolLimits } from './devices.js'

const Token = Type.String({ description: 'Bearer token of the session. Told once.', examples: ['pls_...'] })
const SignedIn = record({ token: Token, session: SessionView }, { title: 'SignedIn' })
const Sessions = record({ sessions: Type.Array(SessionView) }, { title: 'Sessions' })

/** `POST`, `GET /v1/sessions`, `DELETE /v1/sessions/{id}`: a person signs in, looks, signs out. */
export function sessionRoutes(app: App, context: Context): void {
  signInRoute(app, context)
  app.get(
    '/v1/sessions',
    {
      onRequest: withSession(context),
      schema: {
        operationId: 'listSessions',
        summary: 'Where you are signed in',
        tags: ['persons'],
        security: [{ session: [] }],
        response: {
          200: answer('Your sessions, the newest first.', Sessions),
          ...problems('https-required', 'not-signed-in', 'rate-limited'),
        },
      },
    },
    async (request) => {
      const { person, id } = signedIn(request)
      const found = await context.link.directory({ kind: 'sessions', person })
      const sessions = found?.kind === 'sessions' ? found.sessions : []
      return { sessions: sessions.map((session) => sessionJson(session, id)) }
    },
  )
  app.delete(
    '/v1/sessions/:id',
    {
      onRequest: withSession(context),
      schema: {
        operationId: 'endSession',
        summary: 'Sign out',
        description: '`current` is the session that asks.',
        tags: ['persons'],
        security: [{ session: [] }],
        params: record({ id: Type.String({ description: 'Id of the session, or `current`.' }) }),
        response: {
          204: { description: 'It is over.', type: 'null' },
          ...problems(
            'malformed-json',
            'https-required',
            'not-signed-in',
            'unknown-session',
            'body-too-large',
            'unsupported-media-type',
            'rate-limited',
          ),
        },
      },
    },
    async (request, reply) => {
      const { person, id } = signedIn(request)
      const asked = request.params.id === 'current' ? id : request.params.id
      const ended = await context.link.directory({ kind: 'sign-out', person, id: asked })
      if (ended === null) throw new Problem('unknown-session')
      return reply.code(204).send(null)
    },
  )
}

function signInRoute(app: App, context: Context): void {
  app.post(
    '/v1/sessions',
    {
      onRequest: withinEnrolLimits(context),
      schema: {
        operationId: 'signIn',
        summary: 'Sign in with a one-time code',
        description: 'The operator makes the code (`pilotlight account code`). 5 a minute for each address by default.',
        tags: ['persons'],
        security: [],
        body: record(
          {
            code: Type.String({
              description: 'One-time code.',
              minLength: 1,
              maxLength: 128,
              pattern: '^[\\x20-\\x7e]*$',
            }),
            label: Type.Optional(text('What you call this browser.', { maxLength: 64 })),
          },
          { examples: [{ code: 'K7QX-3MPA-9TZC', label: 'Firefox at home' }] },
        ),
        response: {
          201: answer('You are signed in for 30 days.', SignedIn),
          ...problems(
            'malformed-json',
            'invalid-request',
            'https-required',
            'bad-code',
            'body-too-large',
            'unsupported-media-type',
            'rate-limited',
          ),
        },
      },
    },
    async (request, reply) => {
      const { code, label = '' } = request.body
      const signed = await context.link.directory({ kind: 'sign-in', code, label })
      if (signed?.kind !== 'signed-in') throw new Problem('bad-code')
      const { token, session } = signed
      return reply.code(201).send({ token, session: sessionJson(session, session.id) })
    },
  )
}

function sessionJson({ id, account, label, createdMs, expiresMs }: SessionRow, current: string) {
  const times = { createdAt: isoTime(createdMs), expiresAt: isoTime(expiresMs) }
  return { id, account, label, ...times, current: id === current }
}
