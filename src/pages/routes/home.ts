import type { App, Context } from '../../sidecar/context.js'
import { PROBLEMS, Problem } from '../../sidecar/problem.js'
import { setCookie } from '../cookies.js'
import { FOR_BROWSERS } from '../door.js'
import { fieldOf } from '../form.js'
import { GUIDES } from '../guides.js'
import { chaptersOf } from '../reference.js'
import { sendPage } from '../send.js'
import { wayOf } from '../way.js'
import { isLanguage } from '../words/words.js'

/** A year. */
const LANGUAGE_S = 31_536_000

/** `/`: what this server is; `/guides/...`; `/reference`: its API; `/errors`; and `POST /language`. */
export function homeRoutes(app: App, { settings, link }: Context): void {
  app.get('/', { schema: { hide: true } }, async (request, reply) =>
    sendPage(request, reply, 'home', {
      version: settings.version,
      isHealthy: link.storeProblem === null,
      needsDomains: settings.verifiedDomains,
      guides: GUIDES,
    }),
  )

  app.get('/guides/:name', { schema: { hide: true } }, async (request, reply) => {
    const { name } = request.params as { name: string }
    const guide = GUIDES.find((one) => one.name === name)
    if (guide === undefined) throw new Problem('not-found')
    return sendPage(request, reply, 'guide', { guide, guides: GUIDES })
  })

  app.get('/reference', { schema: { hide: true } }, async (request, reply) =>
    sendPage(request, reply, 'reference', { chapters: chaptersOf(app) }, { hasDataImages: true }),
  )

  app.get('/errors', { constraints: FOR_BROWSERS, schema: { hide: true } }, async (request, reply) =>
    sendPage(request, reply, 'errors', { problems: PROBLEMS }),
  )

  app.post('/language', { constraints: FOR_BROWSERS, schema: { hide: true } }, async (request, reply) => {
    const language = fieldOf(request, 'language')
    if (isLanguage(language)) setCookie(request, reply, 'language', language, LANGUAGE_S)
    return reply
      .code(303)
      .header('location', wayOf(fieldOf(request, 'next'), '/'))
      .send()
  })
}
