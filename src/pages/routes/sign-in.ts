import type { FastifyReply, FastifyRequest } from 'fastify'
import { issuerOf } from '../../sidecar/consent/authorization.js'
import type { App, Context } from '../../sidecar/context.js'
import { Problem } from '../../sidecar/problem.js'
import { withinEnrolLimits } from '../../sidecar/routes/devices.js'
import { cookieOf, setCookie } from '../cookies.js'
import { FOR_BROWSERS } from '../door.js'
import { fieldOf } from '../form.js'
import type { Oidc } from '../oidc.js'
import { sendPage } from '../send.js'
import { browserName, signInBrowser, visitorOf } from '../visitor.js'
import { wayOf } from '../way.js'

/** Longest one-time code that is looked at. */
const CODE_CHARACTERS_MAX = 64

/** How long the way to a provider and back may take. */
const WAY_S = 600

/** `/sign-in` and `/sign-out`. @param oidc where people can sign in beside. */
export function signInRoutes(app: App, context: Context, oidc: Oidc | null): void {
  const sendSignIn = (request: FastifyRequest, reply: FastifyReply, view: { next: string; isWrong: boolean }) =>
    sendPage(
      request,
      reply,
      'sign-in',
      { ...view, provider: oidc?.host ?? null, isKnown: cookieOf(request, 'known') !== '' },
      { status: view.isWrong ? 403 : 200 },
    )
  if (oidc !== null) providerRoutes(app, context, oidc)
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
    if (session !== null) await context.link.directory({ kind: 'session-end', person: session.person, id: session.id })
    setCookie(request, reply, 'session', '')
    const isProviders = oidc !== null && cookieOf(request, 'way') === BY_PROVIDER
    setCookie(request, reply, 'way', '')
    const end = isProviders ? await oidc.end(`${issuerOf(context, request)}/`) : null
    return reply
      .code(303)
      .header('location', end ?? '/')
      .send()
  })
}

/** To the provider and back. What is to come back is kept in the browser that left, so no other can bring it. */
function providerRoutes(app: App, context: Context, oidc: Oidc): void {
  const callback = (request: FastifyRequest) => `${issuerOf(context, request)}/sign-in/callback`
  app.get('/sign-in/provider', { schema: { hide: true } }, async (request, reply) => {
    const next = wayOf((request.query as Record<string, unknown>)['next'], '/panel')
    const { location, way } = await oidc.start(callback(request))
    const kept = [way.state, way.nonce, way.verifier, Buffer.from(next).toString('base64url')].join('.')
    setCookie(request, reply, 'way', kept, WAY_S)
    return reply.code(303).header('location', location).send()
  })

  app.get(
    '/sign-in/callback',
    { onRequest: withinEnrolLimits(context), schema: { hide: true } },
    async (request, reply) => {
      const [state = '', nonce = '', verifier = '', next = ''] = cookieOf(request, 'way').split('.')
      setCookie(request, reply, 'way', '') // once
      if (state === '' || nonce === '' || verifier === '') throw new Problem('sign-in-failed')
      const url = new URL(callback(request))
      url.search = new URL(request.url, 'http://here.invalid').search
      const { issuer, subject } = await oidc.finish(url, { state, nonce, verifier })
      const label = browserName(request.headers['user-agent'])
      const ask = { kind: 'sign-in-as', issuer, subject, name: `from ${oidc.host}`, label } as const
      const signed = await context.link.directory(ask)
      if (signed?.kind !== 'signed-in') throw new Problem('internal')
      await signInBrowser(context, request, reply, signed)
      setCookie(request, reply, 'way', BY_PROVIDER, SESSION_S)
      return reply
        .code(303)
        .header('location', wayOf(Buffer.from(next, 'base64url').toString(), '/panel'))
        .send()
    },
  )
}

/** In the cookie of the way: this session came by the provider, and ends there too. */
const BY_PROVIDER = 'came'
/** As long as a session at most. */
const SESSION_S = 30 * 86_400
