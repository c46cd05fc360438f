/** Forms: how they are read, and which are believed. */
import { timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import type { App, Context } from '../sidecar/context.js'
import { Problem } from '../sidecar/problem.js'
import { visitorOf } from './visitor.js'

/** Reads bodies of forms, and no other bodies. */
export function readForms(app: App): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string' },
    (_request, body, done: (error: Error | null, value?: unknown) => void) =>
      done(null, new URLSearchParams(String(body))),
  )
}

/** The fields of a form that was sent. */
export function formOf(request: FastifyRequest): URLSearchParams {
  return request.body instanceof URLSearchParams ? request.body : new URLSearchParams()
}

/** One field without blanks around it; '' if it is missing. */
export function fieldOf(request: FastifyRequest, name: string): string {
  return (formOf(request).get(name) ?? '').trim()
}

/**
 * Refuses a form that one of our pages did not give to this very browser (CSRF): by what the browser says of its origin,
 * and by the token that stands in the form.
 */
export function checkForm(context: Context): (request: FastifyRequest) => Promise<void> {
  return async (request) => {
    if (request.method === 'GET' || request.method === 'HEAD') return
    const sent = formOf(request).get('csrf') ?? ''
    if (!isFromHere(context, request) || !isEqual(sent, visitorOf(request).csrf)) throw new Problem('form-refused')
  }
}

function isFromHere({ settings }: Context, request: FastifyRequest): boolean {
  const { origin, 'sec-fetch-site': site } = request.headers
  if (site !== undefined && site !== 'same-origin') return false
  if (origin === undefined) return true
  const { publicUrl } = settings
  const own = [`${request.protocol}://${request.host}`, ...(publicUrl === null ? [] : [new URL(publicUrl).origin])]
  return own.includes(origin)
}

function isEqual(sent: string, right: string): boolean {
  const [a, b] = [Buffer.from(sent), Buffer.from(right)]
  return right !== '' && a.length === b.length && timingSafeEqual(a, b)
}
