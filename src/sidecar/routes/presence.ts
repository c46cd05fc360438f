import { Type } from 'typebox'
import type { PresenceView } from '../../hub/message.js'
import { type PresenceJson, presenceJson } from '../../webhook/view.js'
import { callerOf } from '../caller.js'
import type { App, Context } from '../context.js'
import { Problem } from '../problem.js'
import {
  answer,
  EXAMPLES,
  LIMIT_HEADERS,
  PresenceOrUnknown,
  PresenceRef,
  PUID_CHARACTERS_MAX,
  PUID_PATTERN,
  Puid,
  problems,
  record,
  type UnknownPuidJson,
  unknownPuid,
} from '../schema.js'

/** PUIDs in one query. */
const QUERY_PUIDS_MAX = 1000
/** A query of that many of the longest PUIDs, with quotes and commas. */
const QUERY_BYTES_MAX = QUERY_PUIDS_MAX * (PUID_CHARACTERS_MAX + 8)

/** `GET /v1/presence/{puid}` and `POST /v1/presence/query`. */
export function presenceRoutes(app: App, context: Context): void {
  app.get(
    '/v1/presence/:puid',
    {
      schema: {
        operationId: 'readPresence',
        summary: 'Presence of one person',
        tags: ['presence'],
        security: [{ bearer: [] }],
        params: record({
          puid: Type.String({ description: 'Pseudonym of a person for your application.', examples: [EXAMPLES.puid] }),
        }),
        response: {
          200: answer('The person as your application sees them.', PresenceRef, {
            headers: LIMIT_HEADERS,
            examples: { away: { value: EXAMPLES.presence } },
          }),
          ...problems('unauthorized', 'missing-scope', 'unknown-puid', 'rate-limited'),
        },
      },
    },
    async (request) => {
      const [view] = await lookUp(context, callerOf(request).app, [request.params.puid])
      if (view === undefined || 'error' in view) throw new Problem('unknown-puid')
      return view
    },
  )

  app.post(
    '/v1/presence/query',
    {
      bodyLimit: QUERY_BYTES_MAX,
      schema: {
        operationId: 'queryPresence',
        summary: 'Presence of many people',
        description:
          'The answer has the order of the request. A PUID that is not one of your application gets an error entry. Each ten PUIDs begun cost one unit of your quota.',
        tags: ['presence'],
        security: [{ bearer: [] }],
        body: record(
          { puids: Type.Array(Puid, { minItems: 1, maxItems: QUERY_PUIDS_MAX }) },
          { examples: [{ puids: [EXAMPLES.puid] }] },
        ),
        response: {
          200: answer('One entry for each PUID.', record({ persons: Type.Array(PresenceOrUnknown) }), {
            headers: LIMIT_HEADERS,
            examples: { two: { value: { persons: [EXAMPLES.presence, unknownPuid('nobody')] } } },
          }),
          ...problems(
            'malformed-json',
            'invalid-request',
            'unauthorized',
            'missing-scope',
            'body-too-large',
            'unsupported-media-type',
            'rate-limited',
          ),
        },
      },
    },
    async (request, reply) => {
      const { puids } = request.body
      context.quota.chargePuids(request, reply, puids.length)
      return { persons: await lookUp(context, callerOf(request).app, puids) }
    },
  )
}

/** Asks the hub. What cannot be a PUID is unknown without asking, and looks the same. */
async function lookUp(
  context: Context,
  app: number,
  puids: readonly string[],
): Promise<(PresenceJson | UnknownPuidJson)[]> {
  const possible = [...new Set(puids)].filter((puid) => PUID_PATTERN.test(puid))
  const views = possible.length === 0 ? [] : await context.link.presence(app, possible)
  return inOrder(puids, views)
}

/** One entry for each PUID asked for, in that order. */
export function inOrder(puids: readonly string[], views: readonly PresenceView[]): (PresenceJson | UnknownPuidJson)[] {
  const known = new Map(views.map((view) => [view.puid, view]))
  return puids.map((puid) => {
    const view = known.get(puid)
    return view === undefined ? unknownPuid(puid) : presenceJson(view)
  })
}
