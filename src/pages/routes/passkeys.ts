import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { utf8Bytes } from '../../base/text.js'
import { issuerOf } from '../../sidecar/consent/authorization.js'
import type { App, Context } from '../../sidecar/context.js'
import { Problem } from '../../sidecar/problem.js'
import { withinEnrolLimits } from '../../sidecar/routes/devices.js'
import { Challenges } from '../challenges.js'
import { FOR_BROWSERS } from '../door.js'
import { fieldOf, formOf } from '../form.js'
import { demandSession, sessionOfPage } from '../signed-in.js'
import { browserName, signInBrowser, visitorOf } from '../visitor.js'
import { wayOf } from '../way.js'

/** Passkeys (WebAuthn): made on `/account`, used on `/sign-in`. A script speaks with the authenticator. */
export function passkeyRoutes(app: App, context: Context): void {
  const challenges = new Challenges(context.nowMs)
  makingRoutes(app, context, challenges)
  signInRoutes(app, context, challenges)
}

function makingRoutes(app: App, context: Context, challenges: Challenges): void {
  const writing = { onRequest: demandSession, schema: { hide: true }, constraints: FOR_BROWSERS }
  app.post('/account/passkeys/options', writing, async (request, reply) => {
    const { generateRegistrationOptions } = await webauthn()
    const { account, person } = sessionOfPage(request)
    const found = await context.link.directory({ kind: 'passkeys', person })
    const known = found?.kind === 'passkeys' ? found.passkeys : []
    const options = await generateRegistrationOptions({
      rpName: 'Pilotlight',
      rpID: place(context, request).hostname,
      userID: new Uint8Array(utf8Bytes(account)),
      userName: account,
      attestationType: 'none',
      excludeCredentials: known.map(({ credential }) => ({ id: credential })),
      authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    })
    challenges.put(visitorOf(request).csrf, options.challenge)
    return sendJson(reply, options)
  })

  app.post('/account/passkeys', writing, async (request, reply) => {
    const { verifyRegistrationResponse } = await webauthn()
    const { person } = sessionOfPage(request)
    const { origin, hostname } = place(context, request)
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      response: answerOf(request) as unknown as RegistrationResponseJSON,
      expectedChallenge: challenges.take(visitorOf(request).csrf) ?? refuse(),
      expectedOrigin: origin,
      expectedRPID: hostname,
      requireUserVerification: true,
    }).catch(refuse)
    if (!verified) refuse()
    const { id, publicKey, counter } = registrationInfo.credential
    const label = browserName(request.headers['user-agent'])
    const passkey = { credential: id, person, publicKey, counter, label, createdMs: 0 }
    if ((await context.link.directory({ kind: 'passkey-add', passkey }))?.kind !== 'done') refuse()
    return sendJson(reply, { location: '/account' })
  })

  app.post('/account/passkeys/remove', writing, async (request, reply) => {
    const { person } = sessionOfPage(request)
    await context.link.directory({ kind: 'passkey-remove', person, credential: fieldOf(request, 'passkey') })
    return reply.code(303).header('location', '/account').send()
  })
}

function signInRoutes(app: App, context: Context, challenges: Challenges): void {
  const hidden = { schema: { hide: true }, constraints: FOR_BROWSERS }
  app.post('/sign-in/passkey/options', hidden, async (request, reply) => {
    const { generateAuthenticationOptions } = await webauthn()
    const rpID = place(context, request).hostname
    const options = await generateAuthenticationOptions({ rpID, userVerification: 'required' })
    challenges.put(visitorOf(request).csrf, options.challenge)
    return sendJson(reply, options)
  })

  app.post('/sign-in/passkey', { ...hidden, onRequest: withinEnrolLimits(context) }, async (request, reply) => {
    const { verifyAuthenticationResponse } = await webauthn()
    const challenge = challenges.take(visitorOf(request).csrf) ?? refuse()
    const response = answerOf(request) as unknown as AuthenticationResponseJSON
    const found = await context.link.directory({ kind: 'passkey', credential: String(response.id).slice(0, 2048) })
    const passkey = found?.kind === 'passkeys' ? found.passkeys[0] : undefined
    if (passkey === undefined) return refuse()
    const { credential, publicKey, counter } = passkey
    const { origin, hostname } = place(context, request)
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response,
      expectedChallenge: challenge,
      expectedOrigin: origin,
      expectedRPID: hostname,
      credential: { id: credential, publicKey: new Uint8Array(publicKey), counter },
      requireUserVerification: true,
    }).catch(refuse)
    if (!verified) refuse()
    const label = browserName(request.headers['user-agent'])
    const ask = { kind: 'sign-in-passkey', credential, counter: authenticationInfo.newCounter, label } as const
    const signed = await context.link.directory(ask)
    if (signed?.kind !== 'signed-in') return refuse()
    await signInBrowser(context, request, reply, signed)
    return sendJson(reply, { location: wayOf(fieldOf(request, 'next'), '/panel') })
  })
}

/** Servers start without the library; it comes with the first passkey. */
function webauthn() {
  return import('@simplewebauthn/server')
}

function place(context: Context, request: FastifyRequest): URL {
  return new URL(issuerOf(context, request))
}

/** What the authenticator said, as JSON in a field. @throws Problem sign-in-failed. */
function answerOf(request: FastifyRequest): Record<string, unknown> {
  try {
    const answer: unknown = JSON.parse(formOf(request).get('answer') ?? '')
    return typeof answer === 'object' && answer !== null ? (answer as Record<string, unknown>) : refuse()
  } catch {
    return refuse()
  }
}

function refuse(): never {
  throw new Problem('sign-in-failed')
}

function sendJson(reply: FastifyReply, json: object): FastifyReply {
  return reply.type('application/json').serializer(JSON.stringify).send(json)
}
