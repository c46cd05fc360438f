import type { FastifyReply, FastifyRequest } from 'fastify'
import { type TUnsafe, Type } from 'typebox'
import { challengeOf } from '../consent/authorization.js'
import type { App, Context } from '../context.js'
import { Problem, type ProblemCode, type ProblemDocument, problemDocument, problemOf } from '../problem.js'
import { answer, EXAMPLES, Puid, problems, record } from '../schema.js'

/** Our codes as those of RFC 6749 §5.2. */
const OAUTH_ERROR: Partial<Record<ProblemCode, string>> = {
  'invalid-client': 'invalid_client',
  'unknown-client': 'invalid_client',
  'invalid-grant': 'invalid_grant',
  'unsupported-grant-type': 'unsupported_grant_type',
}

const FIELDS = {
  grant_type: Type.String({ description: '`authorization_code`.' }),
  code: Type.String(),
  redirect_uri: Type.String({ description: 'The same as at `/authorize`.' }),
  code_verifier: Type.String({ description: 'RFC 7636.' }),
  client_id: Type.String({ description: 'Unless the application authenticates by HTTP Basic.' }),
  client_secret: Type.String({ description: 'A live API key; may be left out.' }),
}

const CODES: ProblemCode[] = [
  'invalid-request',
  'malformed-json',
  'unsupported-grant-type',
  'invalid-grant',
  'unknown-client',
  'invalid-client',
  'https-required',
  'body-too-large',
  'unsupported-media-type',
  'rate-limited',
]

/** A problem document that OAuth clients understand too. */
interface OAuthErrorDocument extends ProblemDocument {
  error: string
  error_description: string
}

/** `POST /oauth/token`: a code becomes a PUID. Its body is a form (RFC 6749 §4.1.3). */
export function tokenRoutes(app: App, context: Context): void {
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done: (error: Error | null, value?: unknown) => void) => done(null, formOf(String(body))),
  )
  app.setErrorHandler((error, request, reply) => refuse(error, request, reply))
  app.post(
    '/oauth/token',
    {
      schema: {
        operationId: 'exchangeCode',
        summary: 'Exchange a code for the PUID',
        description:
          'Once, within 60 s, with the same redirect URI and the verifier of the challenge. A code that comes again takes back what it gave. The answer has the PUID and nothing else about the person; there is no token: you read presence with your API key. Errors are problem documents that carry `error` and `error_description` of RFC 6749 too.',
        tags: ['consent'],
        security: [],
        body: Type.Partial(record(FIELDS), {
          additionalProperties: true,
          examples: [
            {
              grant_type: 'authorization_code',
              code: 'SplxlOBeZQQYbYS6WxSbIA',
              redirect_uri: 'https://chat.example/cb',
              code_verifier: 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk',
              client_id: 'app_3f9c2b7a10d4e586',
            },
          ],
        }),
        consumes: ['application/x-www-form-urlencoded'],
        response: {
          200: answer('Who agreed, as your application knows them.', record({ puid: Puid }), {
            examples: { one: { value: { puid: EXAMPLES.puid } } },
          }),
          ...oauthProblems(),
        },
      },
    },
    async (request) => {
      const form = request.body as Record<string, unknown>
      const client = clientOf(request, form)
      if (fieldOf(form, 'grant_type') !== 'authorization_code') throw new Problem('unsupported-grant-type')
      const app = await liveApp(context, client)
      const challenge = challengeOf(fieldOf(form, 'code_verifier'))
      if (challenge === null) throw new Problem('invalid-grant')
      const code = fieldOf(form, 'code')
      const redirectUri = fieldOf(form, 'redirect_uri')
      return { puid: await context.link.exchangeConsent(app, { code, redirectUri, challenge }) }
    },
  )
}

/** Who says they ask: by HTTP Basic, or by fields; not in two ways, and not as two clients (RFC 6749 §2.3). */
function clientOf(request: FastifyRequest, form: Record<string, unknown>): { id: string; secret: string } {
  const asked = { id: fieldOf(form, 'client_id'), secret: fieldOf(form, 'client_secret') }
  const { authorization } = request.headers
  if (authorization === undefined) return asked
  const basic = /^basic +([A-Za-z0-9+/=]+)$/i.exec(authorization)?.[1] ?? ''
  const [id = '', secret = ''] = Buffer.from(basic, 'base64').toString('utf8').split(':').map(decoded)
  const isOneWay = secret !== '' && asked.secret === '' && (asked.id === '' || asked.id === id)
  if (!isOneWay) throw new Problem('invalid-client')
  return { id, secret }
}

/** The application, if a secret that came is a live key of it. */
async function liveApp(context: Context, { id, secret }: { id: string; secret: string }): Promise<number> {
  const found = await context.link.directory({ kind: 'client', appId: id })
  if (found?.kind !== 'app') throw new Problem('unknown-client')
  if (secret !== '' && context.link.keys.findKey(secret)?.app !== found.app.app) throw new Problem('invalid-client')
  return found.app.app
}

function fieldOf(form: Record<string, unknown>, name: string): string {
  const value = form[name]
  return typeof value === 'string' ? value : ''
}

/** A form as a record; a field that stands twice is none (RFC 6749 §3.2). */
function formOf(body: string): Record<string, string> {
  const form: Record<string, string> = Object.create(null) as Record<string, string>
  const fields = new URLSearchParams(body)
  for (const name of new Set(fields.keys())) {
    const values = fields.getAll(name)
    if (values.length === 1) form[name] = values[0] ?? ''
  }
  return form
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return ''
  }
}

function refuse(thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const { code, detail, headers } = problemOf(thrown)
  if (code === 'internal') request.log.error({ err: thrown }, 'request failed')
  const document = oauthDocument(code, detail, request.id)
  // RFC 6749 §5.2, RFC 9110 §11.6.1
  const challenge = document.status === 401 ? { 'www-authenticate': 'Basic realm="pilotlight"' } : {}
  reply
    .code(document.status)
    .headers({ 'request-id': request.id, ...challenge, ...headers })
    .header('content-type', 'application/json')
    .serializer(JSON.stringify)
    .send(document)
}

function oauthDocument(code: ProblemCode, detail: string, id: string): OAuthErrorDocument {
  const document = problemDocument(code, detail, id)
  const fallback = document.status >= 500 ? 'temporarily_unavailable' : 'invalid_request'
  return { ...document, error: OAUTH_ERROR[code] ?? fallback, error_description: document.detail }
}

/** The answers of `problems`, as JSON with the fields of OAuth. */
function oauthProblems(): Record<number, TUnsafe<OAuthErrorDocument>> {
  const answers: Record<number, TUnsafe<OAuthErrorDocument>> = {}
  const OAuthError = Type.Unsafe<OAuthErrorDocument>({ $ref: 'OAuthError#' })
  for (const [status, plain] of Object.entries(problems(...CODES))) {
    const { description, content } = plain as unknown as {
      description: string
      content: Record<string, { examples: Record<string, { value: ProblemDocument }> }>
    }
    const known = Object.values(content)[0]?.examples ?? {}
    const examples = Object.fromEntries(
      Object.entries(known).map(([code, { value }]) => {
        const id = value.instance.replace('urn:uuid:', '')
        return [code, { value: oauthDocument(code as ProblemCode, '', id) }]
      }),
    )
    answers[Number(status)] = answer(description, OAuthError, { examples })
  }
  return answers
}
