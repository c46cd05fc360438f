/** A request for each route of the OpenAPI document that the fixture answers 2xx. */
import type { InjectOptions } from 'fastify'
import type { Document, Operation } from './contract.js'
import * as fake from './fake-main.js'
import { CODE, PUID, RING_ID } from './fake-main.js'

/** Parameters of `/authorize` that are right. */
export const ASKED = {
  response_type: 'code',
  client_id: fake.APP_ID,
  redirect_uri: 'https://chat.example/cb',
  code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  code_challenge_method: 'S256',
}
/** Fields of `/oauth/token` that are right. */
export const FORM = {
  grant_type: 'authorization_code',
  code: CODE,
  code_verifier: 'v'.repeat(43),
  client_id: fake.APP_ID,
}
const PLACES: Readonly<Record<string, string>> = {
  '/v1/presence/{puid}': PUID,
  '/v1/test/persons/{puid}': PUID,
  '/v1/rings/{id}': RING_ID,
  '/v1/sessions/{id}': 'current',
  '/v1/webhook/deliveries/{id}/replay': 'dlv_1',
  '/v1/apps/{app}/webhook/deliveries/{id}/replay': 'dlv_1',
}
/** Bodies that are taken; others are the examples of the document. */
export const BODIES: Readonly<Record<string, object>> = {
  enrolDevice: { code: CODE, publicKey: 'A'.repeat(43), name: 'Phone' },
  signIn: { code: CODE },
  queryPresence: { puids: [PUID, 'nobody'] },
  sendRing: { to: PUID, title: 'T' },
  decideAuthorization: { ...ASKED, decision: 'allow' },
}

/** A route of the document. */
export interface Asked {
  operation: Operation
  method: string
  path: string
}

/** A request that `inject` takes. */
export type Sent = Omit<InjectOptions, 'headers'> & { headers: Record<string, string> }

/** A request that is answered 2xx. */
export function good({ operation, method, path }: Asked): Sent {
  const id = operation.operationId
  const key = path.startsWith('/v1/test/') ? fake.TEST_KEY : fake.API_KEY
  const bearer = operation.security.map((one) => ('session' in one ? fake.SESSION : key))[0]
  const headers: Record<string, string> = bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }
  const ids = path.replace('{key}', 'key_0011223344556677').replace('{app}', fake.APP_ID)
  const url = ids.replace(/\{\w+\}/, PLACES[path] ?? fake.APP_ID)
  const request = { method: method.toUpperCase() as 'GET', url, headers }
  if (id === 'readAuthorization') return { ...request, query: ASKED }
  if (id === 'exchangeCode') return form(request, FORM)
  const payload = BODIES[id] ?? operation.requestBody?.content['application/json']?.example
  if (payload === undefined) return request
  return { ...request, headers: { ...headers, 'content-type': 'application/json' }, payload: JSON.stringify(payload) }
}

/** A request whose body is a form. */
export function form(request: Sent, fields: Record<string, string>): Sent {
  const headers = { ...request.headers, 'content-type': 'application/x-www-form-urlencoded' }
  return { ...request, headers, payload: `${new URLSearchParams(fields)}` }
}

/** Every route of the document. */
export function operationsOf({ paths }: Document): Asked[] {
  return Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
  )
}
