import { setTimeout as passed } from 'node:timers/promises'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { isTerminal } from '../../hub/message.js'
import { SERVER_KEY } from '../../hub/ring-links.js'
import type { App, Context } from '../../sidecar/context.js'
import { Problem } from '../../sidecar/problem.js'
import { withinEnrolLimits } from '../../sidecar/routes/devices.js'
import { cookieOf, setCookie } from '../cookies.js'
import { type DeviceSignIn, DeviceSignIns, RING_MS } from '../device-sign-ins.js'
import { FOR_BROWSERS, wantsPage } from '../door.js'
import { fieldOf } from '../form.js'
import { sendPage } from '../send.js'
import { ringByServer } from '../server-ring.js'
import { browserName, signInBrowser, visitorOf } from '../visitor.js'
import { wayOf } from '../way.js'
import { translator } from '../words/words.js'

/** How long one question waits for an answer, ms: shorter than proxies do. */
const ANSWER_WAIT_MS = 20_000

const WAITING = '/sign-in/device'

/**
 * "Confirm on one of your devices": in a browser where the person was signed in before. The server itself rings their
 * devices, with a number that the page shows too; who accepts signs this very browser in, once.
 */
export function deviceSignInRoutes(app: App, context: Context): void {
  const signIns = new DeviceSignIns(context.nowMs)
  const hidden = { schema: { hide: true } }
  const writing = { ...hidden, constraints: FOR_BROWSERS }

  app.post(WAITING, { ...writing, onRequest: withinEnrolLimits(context) }, async (request, reply) => {
    await begin(context, signIns, request)
    return to(reply, WAITING)
  })

  app.get(WAITING, hidden, async (request, reply) => {
    const { csrf, session } = visitorOf(request)
    const signIn = signIns.get(csrf)
    if (signIn === null || session !== null) return to(reply, '/sign-in')
    if (signIn.end !== null) signIns.take(csrf, signIn)
    return sendPage(request, reply, 'sign-in-device', { signIn })
  })

  app.post(`${WAITING}/go`, writing, async (request, reply) => {
    const { csrf } = visitorOf(request)
    const signIn = signIns.get(csrf)
    const isAccepted = signIn !== null && (await isAnswered(context, signIns, signIn))
    const location =
      isAccepted && signIns.take(csrf, signIn) ? await signInNow(context, request, reply, signIn) : WAITING
    if (wantsPage(request.headers)) return to(reply, location)
    const isOver = location !== WAITING || signIn === null || signIn.end !== null
    return reply
      .type('application/json')
      .serializer(JSON.stringify)
      .send({ location: isOver ? location : '' })
  })

  app.post(`${WAITING}/cancel`, writing, async (request, reply) => {
    const { csrf } = visitorOf(request)
    const signIn = signIns.get(csrf)
    if (signIn !== null && signIns.take(csrf, signIn) && signIn.ring !== '') {
      await context.link.withdraw(SERVER_KEY, signIn.ring).catch(unlessEnded)
    }
    return to(reply, '/sign-in')
  })

  app.post(`${WAITING}/forget`, writing, async (request, reply) => {
    await context.link.directory({ kind: 'browser-forget', known: cookieOf(request, 'known') })
    setCookie(request, reply, 'known', '')
    return to(reply, '/sign-in')
  })
}

/**
 * Rings the person's devices. A browser that nobody knows gets the same page, and nothing rings; nor does the page say
 * whether a device is in contact.
 */
async function begin(context: Context, signIns: DeviceSignIns, request: FastifyRequest): Promise<void> {
  const { csrf, language } = visitorOf(request)
  const known = cookieOf(request, 'known')
  const number = signIns.newNumber()
  const found = await context.link.directory({ kind: 'browser', known })
  const asked = { known, number, next: wayOf(fieldOf(request, 'next'), '/panel') }
  if (found?.kind !== 'person') return signIns.put(csrf, { ...asked, ring: '' })
  const retryAfterS = signIns.retryAfterS(found.person)
  if (retryAfterS > 0) throw new Problem('rate-limited', '', { 'retry-after': String(retryAfterS) })
  const t = translator(language)
  const ring = await ringByServer(context, found.person, {
    title: t('bell.title', { browser: browserName(request.headers['user-agent']), number }),
    body: t('bell.body', { number }),
    deadlineInMs: RING_MS,
    // Whoever asks again, here or elsewhere, takes the place of who asked before: never two at a time.
    collapseKey: 'sign-in',
  })
  signIns.put(csrf, { ...asked, ring })
}

/** Waits a while for the answer of a device, and notes how it ended. @returns whether somebody accepted. */
async function isAnswered(context: Context, signIns: DeviceSignIns, signIn: DeviceSignIn): Promise<boolean> {
  const { link } = context
  const waitMs = Math.min(ANSWER_WAIT_MS, signIns.leftMs(signIn))
  if (signIn.end === null && signIn.ring === '') {
    await passed(waitMs, undefined, { ref: false })
    if (signIns.leftMs(signIn) === 0) signIn.end = 'missed'
  } else if (signIn.end === null) {
    const { state } = await link.ringOutcome(SERVER_KEY, signIn.ring, Math.max(waitMs, 1))
    if (isTerminal(state)) signIn.end = state as NonNullable<DeviceSignIn['end']>
  }
  return signIn.end === 'accepted'
}

/** @returns where to go. */
async function signInNow(
  context: Context,
  request: FastifyRequest,
  reply: FastifyReply,
  { known, next }: DeviceSignIn,
): Promise<string> {
  const label = browserName(request.headers['user-agent'])
  const signed = await context.link.directory({ kind: 'sign-in-known', known, label })
  if (signed?.kind !== 'signed-in') throw new Problem('sign-in-failed')
  await signInBrowser(context, request, reply, signed)
  return next
}

function to(reply: FastifyReply, location: string): FastifyReply {
  return reply.code(303).header('location', location).send()
}

function unlessEnded(error: unknown): void {
  if (!(error instanceof Problem && error.code === 'ring-ended')) throw error
}
