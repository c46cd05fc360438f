import swagger from '@fastify/swagger'
import type { App } from './context.js'
import { EVENT_SCHEMAS } from './event-schema.js'
import type { SidecarSettings } from './options.js'
import { webhookDocument } from './webhook-document.js'

const DESCRIPTION = `Presence of the people who agreed, and live notifications with a deadline and one honest outcome.

Errors are problem documents (RFC 9457); match on \`code\`. Times are ISO 8601 in UTC with milliseconds. Types are never converted and unknown fields are refused.`

/** Collects the routes that are added later into an OpenAPI 3.1 document; `app.swagger()` gives it. */
export async function addOpenapi(app: App, settings: SidecarSettings): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Pilotlight',
        version: settings.version,
        description: DESCRIPTION,
        license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      },
      servers: [{ url: settings.publicUrl ?? '/' }],
      tags: [
        { name: 'presence', description: 'Who is there.' },
        { name: 'rings', description: 'Live notifications.' },
        { name: 'webhooks', description: 'What your endpoint is told.' },
        { name: 'consent', description: 'OAuth 2.1: a person lets an application see them.' },
        { name: 'persons', description: 'Sign-in.' },
        { name: 'applications', description: 'For developers.' },
        { name: 'test', description: 'Echo persons for test keys.' },
        { name: 'devices', description: 'Enrolment.' },
        { name: 'operations', description: 'For operators and tools.' },
      ],
      webhooks: webhookDocument(),
      components: {
        schemas: EVENT_SCHEMAS as Record<string, never>,
        securitySchemes: {
          bearer: {
            type: 'http',
            scheme: 'bearer',
            description: 'API key of the application, `pl_live_...` or `pl_test_...`.',
          },
          session: { type: 'http', scheme: 'bearer', description: 'Session of a person, `pls_...`.' },
        },
      },
    },
    refResolver: {
      buildLocalReference: (schema, _base, _fragment, index) =>
        typeof schema['$id'] === 'string' ? schema['$id'] : `Schema${index}`,
    },
  })
}
