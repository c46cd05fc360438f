import type { FastifyReply, FastifyRequest } from 'fastify'
import { appText } from '../../sidecar/consent/authorization.js'
import type { App, Context } from '../../sidecar/context.js'
import { Problem } from '../../sidecar/problem.js'
import { assetUrl } from '../assets.js'
import { FOR_BROWSERS, wantsPage } from '../door.js'
import { fieldOf } from '../form.js'
import { ownView } from '../own-devices.js'
import { sendPage } from '../send.js'
import { demandSession, sessionOfPage } from '../signed-in.js'
import { browserName } from '../visitor.js'
import { wordKeys } from '../words/words.js'

/** Texts that the panel's script shows. */
const SCRIPT_WORDS = wordKeys('script.')

/**
 * `/panel`: a person's presence. Devices and who asked come from the server; the list of applications does not: a script
 * reads it from this browser's own copy, as a device.
 */
export function panelRoutes(app: App, context: Context): void {
  const reading = { onRequest: demandSession, schema: { hide: true } }
  const writing = { ...reading, constraints: FOR_BROWSERS }
  app.get('/panel', reading, async (request, reply) => sendPanel(context, request, reply))

  app.get('/panel/devices', reading, async (request, reply) => {
    const view = await ownView(context, sessionOfPage(request))
    return sendPage(request, reply, 'devices', view)
  })

  app.post('/panel/device-code', writing, async (request, reply) => {
    const made = await context.link.directory({ kind: 'code-add', person: sessionOfPage(request).person })
    if (made?.kind !== 'code') throw new Problem('internal')
    if (wantsPage(request.headers)) return sendPanel(context, request, reply, made)
    return reply.type('application/json').serializer(JSON.stringify).send({ code: made.code, untilMs: made.untilMs })
  })

  app.post('/panel/devices/remove', writing, async (request, reply) => {
    const { account } = sessionOfPage(request)
    const ask = { kind: 'device-remove', account, deviceId: fieldOf(request, 'device') } as const
    if ((await context.link.directory(ask)) === null) throw new Problem('unknown-device')
    return reply.code(303).header('location', '/panel').send()
  })

  // Without a session: who looks is not told, so that nobody learns from it whose list has which application.
  app.get('/panel/names/:app', { schema: { hide: true } }, async (request, reply) => {
    const { app: asked } = request.params as { app: string }
    const found = await context.link.directory({ kind: 'client', appId: asked })
    if (found?.kind !== 'app') throw new Problem('unknown-client')
    const { name, domain, domainVerifiedMs } = found.app
    const shown = { id: appText(found.app), name, domain: domainVerifiedMs > 0 ? domain : null }
    return reply.type('application/json').serializer(JSON.stringify).send(shown)
  })
}

async function sendPanel(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  code: { code: string; untilMs: number } | null = null,
): Promise<FastifyReply> {
  const view = await ownView(context, sessionOfPage(request))
  const origin = `${request.protocol}://${request.host}`
  const scripts = { device: assetUrl('device.js'), timer: assetUrl('timer-worker.js') }
  return sendPage(request, reply, 'panel', {
    ...view,
    code,
    origin,
    files: scripts,
    browser: browserName(request.headers['user-agent']),
    scriptWords: SCRIPT_WORDS,
  })
}
