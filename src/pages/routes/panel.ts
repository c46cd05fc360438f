import type { FastifyReply, FastifyRequest } from 'fastify'
import { BucketTable } from '../../base/token-bucket.js'
import type { PersonKey } from '../../hub/message.js'
import { appText } from '../../sidecar/consent/authorization.js'
import type { App, Context } from '../../sidecar/context.js'
import { Problem } from '../../sidecar/problem.js'
import { assetUrl } from '../assets.js'
import { FOR_BROWSERS, wantsPage } from '../door.js'
import { fieldOf } from '../form.js'
import { ownView } from '../own-devices.js'
import { sendPage } from '../send.js'
import { ringByServer } from '../server-ring.js'
import { demandSession, sessionOfPage } from '../signed-in.js'
import { browserName, visitorOf } from '../visitor.js'
import { translator, wordKeys } from '../words/words.js'

/** Texts that the panel's script shows. */
const SCRIPT_WORDS = wordKeys('script.')

/** How long a test ring rings. */
const TEST_RING_MS = 30_000
/** Test rings of one person: so many at once, and in each window on average. */
const TEST_RINGS_PER_WINDOW = 5
const WINDOW_MS = 60_000
const PERSONS_MAX = 50_000

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

  const testRings = new BucketTable<PersonKey>(TEST_RINGS_PER_WINDOW, WINDOW_MS, PERSONS_MAX)
  app.post('/panel/ring', writing, async (request, reply) => {
    const { person } = sessionOfPage(request)
    const { ok, retryAfterS } = testRings.take(person, context.nowMs())
    if (!ok) throw new Problem('rate-limited', '', { 'retry-after': String(retryAfterS) })
    const t = translator(visitorOf(request).language)
    const body = t('panel.testRingText', { browser: browserName(request.headers['user-agent']) })
    const ring = { title: t('panel.testRing'), body, deadlineInMs: TEST_RING_MS, collapseKey: 'test' }
    await ringByServer(context, person, ring)
    return reply.type('application/json').serializer(JSON.stringify).send({})
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
