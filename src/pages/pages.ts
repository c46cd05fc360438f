import type { FastifyError } from 'fastify'
import type { App, Context } from '../sidecar/context.js'
import { whenReady } from '../sidecar/guard.js'
import { PROBLEM_TYPE, problemDocument, problemOf } from '../sidecar/problem.js'
import { demandHttps } from '../sidecar/routes/devices.js'
import { withinPersonLimits } from '../sidecar/routes/persons.js'
import { assetRoutes } from './assets.js'
import { PAGE_CONSTRAINT, wantsPage } from './door.js'
import { checkForm, readForms } from './form.js'
import { accountRoutes } from './routes/account.js'
import { authorizeRoutes } from './routes/authorize.js'
import { developerToolRoutes } from './routes/developer-tools.js'
import { developerRoutes } from './routes/developers.js'
import { deviceSignInRoutes } from './routes/device-sign-in.js'
import { homeRoutes } from './routes/home.js'
import { panelRoutes } from './routes/panel.js'
import { passkeyRoutes } from './routes/passkeys.js'
import { signInRoutes } from './routes/sign-in.js'
import { sendPage } from './send.js'
import { meetVisitor } from './visitor.js'

/** Adds the pages to the sidecar's application: HTML for people in browsers, each of which works without script. */
export async function addPages(app: App, context: Context): Promise<void> {
  app.addConstraintStrategy(PAGE_CONSTRAINT)
  await app.register(async (files) => assetRoutes(files))
  await app.register(async (pages) => {
    readForms(pages)
    pages.decorateRequest('visitor', null)
    // Whatever goes wrong from here on is told on a page.
    pages.setErrorHandler(async (error: FastifyError, request, reply) => {
      const { code, detail, headers } = problemOf(error)
      if (code === 'internal') request.log.error({ err: error }, 'page failed')
      if (reply.sent) return reply
      reply.headers(headers)
      if (!wantsPage(request.headers)) {
        const document = problemDocument(code, detail, request.id)
        return reply.code(document.status).type(PROBLEM_TYPE).serializer(JSON.stringify).send(document)
      }
      return sendPage(request, reply, 'problem', { code, detail, id: request.id })
    })
    pages.addHook('onRequest', whenReady(context))
    pages.addHook('onRequest', demandHttps)
    pages.addHook('onRequest', withinPersonLimits(context))
    pages.addHook('onRequest', meetVisitor(context))
    pages.addHook('preHandler', checkForm(context))
    homeRoutes(pages, context)
    const { oidc: provider } = context.settings
    // Servers without a provider start without its library.
    const oidc = provider === null ? null : new (await import('./oidc.js')).Oidc(provider, context.nowMs)
    signInRoutes(pages, context, oidc)
    deviceSignInRoutes(pages, context)
    accountRoutes(pages, context, oidc)
    passkeyRoutes(pages, context)
    authorizeRoutes(pages, context)
    panelRoutes(pages, context)
    developerRoutes(pages, context)
    developerToolRoutes(pages, context)
  })
}
