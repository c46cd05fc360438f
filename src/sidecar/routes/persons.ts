import { BucketTable } from '../../base/token-bucket.js'
import { limitKey } from '../address.js'
import { AppId } from '../consent/schema.js'
import type { App, Context } from '../context.js'
import { type OnRequest, whenReady, withSession } from '../guard.js'
import { tellAddress } from '../limit-headers.js'
import { appRoutes, ownAppKey } from './apps.js'
import { authorizeRoutes } from './authorize.js'
import { demandHttps } from './devices.js'
import { sessionRoutes } from './sessions.js'
import { tokenRoutes } from './token.js'
import { type WebhookDoor, webhookRoutes } from './webhook.js'

/** Addresses whose requests are counted. */
const ADDRESSES_MAX = 100_000
const WINDOW_MS = 60_000

/** What people do in a browser, and developers by script: sessions, applications, consent; and the exchange of codes. */
export function personRoutes(app: App, context: Context): void {
  app.addHook('onRequest', whenReady(context))
  app.addHook('onRequest', demandHttps)
  app.addHook('onRequest', withinPersonLimits(context))
  sessionRoutes(app, context)
  appRoutes(app, context)
  webhookRoutes(app, context, bySession(context))
  authorizeRoutes(app, context)
  app.register(async (forms) => tokenRoutes(forms, context))
}

/** For the developer of an application, who is signed in. */
function bySession(context: Context): WebhookDoor {
  return {
    path: '/v1/apps/:app/webhook',
    security: [{ session: [] }],
    headers: {},
    always: ['https-required', 'not-signed-in', 'unknown-app', 'rate-limited'],
    params: { app: AppId },
    suffix: 'OfApp',
    onRequest: [withSession(context)],
    appOf: (request) => ownAppKey(context, request, (request.params as { app: string }).app),
  }
}

/** Each of these asks the store; one address does not get to ask it all day. */
export function withinPersonLimits(context: Context): OnRequest {
  const byAddress = new BucketTable<string>(context.settings.personRequestsPerMinute, WINDOW_MS, ADDRESSES_MAX)
  return async (request, reply) => {
    const grant = byAddress.take(limitKey(request.ip), context.nowMs())
    tellAddress(reply, context.settings.personRequestsPerMinute, grant)
  }
}
