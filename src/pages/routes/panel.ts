import { Type } from 'typebox'
import { appText } from '../../sidecar/consent/authorization.js'
import type { App, Context } from '../../sidecar/context.js'
import { Problem } from '../../sidecar/problem.js'
import { sendPage } from '../send.js'
import { demandSession, sessionOfPage } from '../signed-in.js'
import { browserName } from '../visitor.js'
import { PANEL_EN } from '../words/panel-en.js'

/** A page asks for a code when it enrols, and uses it at once, ms. */
const CODE_MS = 60_000
const SAID = 'panel.say-'
/** What the panel's script says, without the beginning. */
const WORD_KEYS = Object.keys(PANEL_EN).flatMap((key) => (key.startsWith(SAID) ? [key.slice(SAID.length)] : []))

/** `/panel`: the browser as a device. What stands in it the browser knows; the server gives the page, and names of applications. */
export function panelRoutes(app: App, context: Context): void {
  app.get('/panel', { onRequest: demandSession, schema: { hide: true } }, async (request, reply) =>
    sendPage(request, reply, 'panel', {
      browserName: browserName(request.headers['user-agent']),
      wordKeys: WORD_KEYS,
    }),
  )

  app.post('/panel/device-code', { onRequest: demandSession, schema: { hide: true } }, async (request, reply) => {
    const { person } = sessionOfPage(request)
    const made = await context.link.directory({ kind: 'device-code', person, ttlMs: CODE_MS })
    if (made?.kind !== 'code') throw new Problem('internal')
    return reply.send({ code: made.code })
  })
}

/** `GET /panel/apps/{id}`: what an application is called. For everybody, so that nobody has to say who asks. */
export function appNameRoutes(app: App, context: Context): void {
  const params = Type.Object({ id: Type.String() })
  app.get('/panel/apps/:id', { schema: { hide: true, params } }, async (request, reply) => {
    const found = await context.link.directory({ kind: 'client', appId: request.params.id })
    if (found?.kind !== 'app') throw new Problem('unknown-app')
    const { name, homePage, domain, domainVerifiedMs } = found.app
    const shown = { id: appText(found.app), name, homePage, domain: domainVerifiedMs > 0 ? domain : null }
    return reply.header('cache-control', 'public, max-age=3600').send(shown)
  })
}
