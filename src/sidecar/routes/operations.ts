import { Type } from 'typebox'
import type { App, Context } from '../context.js'
import { PROBLEMS, Problem } from '../problem.js'
import { answer, problems, record } from '../schema.js'

const Health = record({ status: Type.Literal('ok') })

/** `/healthz`, `/readyz`, `/metrics`, `/openapi.json` and `/errors`: for operators and tools, without a key. */
export function operationRoutes(app: App, context: Context): void {
  const common = { tags: ['operations'], security: [] }

  app.get(
    '/healthz',
    {
      schema: {
        ...common,
        operationId: 'health',
        summary: 'Whether the HTTP side runs',
        response: { 200: answer('It runs.', Health), ...problems() },
      },
    },
    async () => ({ status: 'ok' as const }),
  )

  app.get(
    '/readyz',
    {
      schema: {
        ...common,
        operationId: 'readiness',
        summary: 'Whether requests are served, and what they ask for can be stored',
        response: { 200: answer('They are.', Health), ...problems() },
      },
    },
    async () => {
      const { state, storeProblem } = context.link
      if (state !== 'ready') throw new Problem('unavailable', `The server is ${state}.`, { 'retry-after': '1' })
      if (storeProblem !== null) throw new Problem('unavailable', 'The store cannot write.', { 'retry-after': '5' })
      return { status: 'ok' as const }
    },
  )

  app.get(
    '/metrics',
    {
      schema: {
        ...common,
        operationId: 'metrics',
        summary: 'Prometheus metrics',
        response: { 200: answer('Text format 0.0.4.', Type.String(), { mediaType: 'text/plain' }), ...problems() },
      },
    },
    async (_request, reply) => reply.type(context.metrics.contentType).send(await context.metrics.text()),
  )

  app.get(
    '/openapi.json',
    {
      schema: {
        ...common,
        operationId: 'openapi',
        summary: 'This document',
        response: { 200: answer('OpenAPI 3.1.', Type.Object({}, { additionalProperties: true })), ...problems() },
      },
    },
    async (_request, reply) => reply.type('application/json').serializer(JSON.stringify).send(app.swagger()),
  )

  app.get(
    '/errors',
    {
      schema: {
        ...common,
        operationId: 'errors',
        summary: 'What each error code means',
        response: { 200: answer('A page.', Type.String(), { mediaType: 'text/html' }), ...problems() },
      },
    },
    async (_request, reply) =>
      reply.type('text/html; charset=utf-8').header('content-security-policy', "default-src 'none'").send(errorsPage()),
  )
}

function errorsPage(): string {
  const rows = Object.entries(PROBLEMS).map(
    ([code, { status, title, hint }]) =>
      `<dt id="${code}"><code>${code}</code> (${status})</dt><dd>${title}. ${hint}</dd>`,
  )
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Pilotlight: errors</title><h1>Errors</h1><dl>${rows.join('\n')}</dl></html>\n`
}
