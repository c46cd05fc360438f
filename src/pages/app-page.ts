/** The page of one application, for its developer. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { HUB_LIMITS_DEFAULT } from '../hub/config.js'
import type { AppKey } from '../hub/message.js'
import { appText, issuerOf } from '../sidecar/consent/authorization.js'
import { ownApp } from '../sidecar/consent/own-app.js'
import type { Context } from '../sidecar/context.js'
import { Problem, problemOf } from '../sidecar/problem.js'
import { PUIDS_PER_UNIT } from '../sidecar/quota.js'
import type { AppRow } from '../store/store.js'
import { DAMPING_MAX_MS, NO_WEBHOOK, WANTED_EVENTS } from '../webhook/config.js'
import { sendPage } from './send.js'
import { sessionOfPage } from './signed-in.js'

/** What just happened, beside what always stands on the page. */
export interface AppNews {
  /** API key, told once */
  apiKey?: string
  /** signing secret of the webhook, told once */
  secret?: string
  /** what became of a ring of an echo person */
  rung?: { name: string; state: string }
  /** a word of the page: what was done */
  done?: string
  fault?: string
}

/** The application that a path names, if it is of who is signed in. @throws Problem unknown-app. */
export async function appOfPage(context: Context, request: FastifyRequest): Promise<AppRow> {
  return ownApp(context, sessionOfPage(request).person, (request.params as { id: string }).id)
}

/** Sends the page. */
export async function sendAppPage(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  news: AppNews = {},
  more: { status?: number; app?: AppRow } = {},
): Promise<FastifyReply> {
  const app = more.app ?? (await appOfPage(context, request))
  const { link, settings } = context
  const [webhook, deliveries, persons] = await Promise.all([
    link.webhook(app.app, { kind: 'read' }, 'webhook').catch(noWebhook),
    deliveriesOf(context, app),
    link.testPersons(-app.app, null),
  ])
  const view = {
    app: { ...app, id: appText(app) },
    webhook: webhook === null ? null : webhook.webhook,
    settings: webhook?.webhook ?? NO_WEBHOOK,
    wanted: WANTED_EVENTS,
    dampingMaxS: DAMPING_MAX_MS / 1000,
    deliveries,
    persons: persons ?? [],
    origin: issuerOf(context, request),
    needsDomain: settings.verifiedDomains && app.domainVerifiedMs === 0,
    usage: usageOf(context, app.app),
    limits: {
      units: settings.rateRequests,
      windowS: settings.rateWindowMs / 1000,
      puidsPerUnit: PUIDS_PER_UNIT,
      streams: settings.streamsPerApp,
      rings: HUB_LIMITS_DEFAULT.openPerApp,
      ringsPerPuid: HUB_LIMITS_DEFAULT.perPersonPerMinute,
    },
    news,
  }
  return sendPage(request, reply, 'developers-app', view, { status: more.status ?? 200 })
}

/** What the webhook of an application was told lately, the newest first; nothing if it has none. */
export async function deliveriesOf({ link }: Context, { app }: AppRow) {
  const log = await link.webhook(app, { kind: 'deliveries' }, 'deliveries').catch(() => null)
  return log?.deliveries ?? []
}

/** What is left of the quotas of an application's live and test keys, and what they used in each hour, the newest first. */
function usageOf({ quota, nowMs }: Context, app: AppKey) {
  const now = nowMs()
  const [live, test] = [quota.usage.of(app, now), quota.usage.of(-app, now)]
  const starts = [...new Set([...live, ...test].map(({ sinceMs }) => sinceMs))].sort((a, b) => b - a)
  const hours = starts.map((start) => {
    const [ofLive, ofTest] = [live, test].map((hours) => hours.find(({ sinceMs }) => sinceMs === start))
    const refused = (ofLive?.refused ?? 0) + (ofTest?.refused ?? 0)
    return { fromMs: Date.now() - now + start, live: ofLive?.units ?? 0, test: ofTest?.units ?? 0, refused }
  })
  return { left: { live: quota.left(app), test: quota.left(-app) }, hours }
}

/** Does something to an application and shows it; what goes wrong stands on the page. */
export async function doneOnAppPage(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  deed: (app: AppRow) => Promise<AppNews>,
): Promise<FastifyReply> {
  const app = await appOfPage(context, request)
  try {
    return await sendAppPage(context, request, reply, await deed(app))
  } catch (error) {
    const { code, detail } = problemOf(error)
    if (code === 'internal' || code === 'unknown-app') throw error
    const status = code === 'rate-limited' ? 429 : 400
    return sendAppPage(context, request, reply, { fault: detail === '' ? code : detail }, { status })
  }
}

function noWebhook(error: unknown): null {
  if (error instanceof Problem && error.code === 'unknown-webhook') return null
  throw error
}
