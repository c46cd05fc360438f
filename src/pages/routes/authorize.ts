import type { FastifyReply, FastifyRequest } from 'fastify'
import type { GrantWindow } from '../../frame/frame.js'
import {
  AUTHORIZATION_FIELDS,
  type Authorization,
  agreed,
  appText,
  checkAuthorization,
  type Parameters,
  Redirected,
  refused,
} from '../../sidecar/consent/authorization.js'
import type { App, Context } from '../../sidecar/context.js'
import { Problem } from '../../sidecar/problem.js'
import { FOR_BROWSERS } from '../door.js'
import { fieldOf, formOf } from '../form.js'
import { type HoursFields, hoursOf, ZONES } from '../hours.js'
import { ownDevices } from '../own-devices.js'
import { sendPage } from '../send.js'
import { visitorOf } from '../visitor.js'

/** `/authorize` for browsers: who asks, for what; allow, allow at some hours, not now. Programs get JSON, see the sidecar. */
export function authorizeRoutes(app: App, context: Context): void {
  const options = { constraints: FOR_BROWSERS, schema: { hide: true } }
  app.get('/authorize', options, async (request, reply) => {
    const parameters = request.query as Parameters
    const asked = await checked(context, request, reply, parameters)
    return asked === null ? reply : sendDoor(context, request, reply, asked, parameters)
  })

  app.post('/authorize', options, async (request, reply) => {
    const form = formOf(request)
    const parameters = Object.fromEntries(
      AUTHORIZATION_FIELDS.flatMap((name) => {
        const values = form.getAll(name)
        return values.length === 0 ? [] : [[name, values.length === 1 ? values[0] : values]]
      }),
    )
    const asked = await checked(context, request, reply, parameters)
    if (asked === null) return reply
    const decision = fieldOf(request, 'decision')
    if (decision === 'refuse') return reply.code(303).header('location', refused(asked)).send()
    const hours = decision === 'hours' ? hoursOf(form) : { windows: [], zone: '' }
    // Neither a mistyped time nor an unknown word is an agreement.
    if (hours === null || !['allow', 'hours'].includes(decision)) {
      const fields = { start: fieldOf(request, 'start'), end: fieldOf(request, 'end'), zone: fieldOf(request, 'zone') }
      return sendDoor(context, request, reply, asked, parameters, { ...fields, days: form.getAll('day') })
    }
    const code = await consent(context, request, asked, hours)
    return reply.code(303).header('location', agreed(asked, code)).send()
  })
}

async function consent(
  context: Context,
  request: FastifyRequest,
  { app, redirectUri, challenge }: Authorization,
  hours: { windows: GrantWindow[]; zone: string },
): Promise<string> {
  const { session } = visitorOf(request)
  if (session === null) throw new Problem('not-signed-in')
  return context.link.consent(app.app, { redirectUri, challenge, person: session.person, ...hours })
}

/**
 * Checks what an application asks. Who is not signed in is led to where they can sign in, and to no other server: else any
 * link to this server could lead on to anywhere (RFC 9700 §4.11.2).
 *
 * @returns null if the reply is sent.
 * @throws Problem where it is not sure that the redirect URI is the application's.
 */
async function checked(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  parameters: Parameters,
): Promise<Authorization | null> {
  const { session } = visitorOf(request)
  try {
    const asked = await checkAuthorization(context, request, parameters, session)
    if (session !== null) return asked
  } catch (error) {
    if (error instanceof Redirected && session !== null) {
      await reply.code(303).header('location', error.location).send()
      return null
    }
    if (error instanceof Redirected) throw new Problem('invalid-request', error.description)
    // The developer may go on, so who it is must be known first.
    const isOwners = error instanceof Problem && error.code === 'domain-unverified'
    if (session !== null || !isOwners) throw error
  }
  const query = new URLSearchParams(parameters as Record<string, string>)
  await reply
    .code(303)
    .header('location', `/sign-in?${new URLSearchParams({ next: `/authorize?${query}` })}`)
    .send()
  return null
}

async function sendDoor(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  asked: Authorization,
  parameters: Parameters,
  wrong: HoursFields | null = null,
): Promise<FastifyReply> {
  const { app, redirectUri } = asked
  const { session } = visitorOf(request)
  if (session === null) throw new Problem('not-signed-in')
  const { host, protocol } = new URL(redirectUri)
  const view = {
    app: { id: appText(app), name: app.name, domain: app.domainVerifiedMs > 0 ? app.domain : null },
    isOwn: app.owner === session.person,
    back: host === '' ? protocol.slice(0, -1) : host,
    fields: AUTHORIZATION_FIELDS.flatMap((name) =>
      typeof parameters[name] === 'string' ? [[name, parameters[name]]] : [],
    ),
    devices: await ownDevices(context, session),
    hours: wrong ?? { start: '21:00', end: '23:00', zone: '', days: ['0', '1', '2', '3', '4', '5', '6'] },
    isWrong: wrong !== null,
    zones: ZONES,
  }
  return sendPage(request, reply, 'authorize', view, {
    status: wrong === null ? 200 : 400,
    formTargets: [targetOf(redirectUri)],
  })
}

/** A redirect URI as a source of `form-action`. An IPv6 address cannot stand there, nor can a private-use scheme's path. */
function targetOf(redirectUri: string): string {
  const { protocol, origin, hostname } = new URL(redirectUri)
  const isHost = (protocol === 'https:' || protocol === 'http:') && !hostname.startsWith('[')
  return isHost ? origin : protocol
}
