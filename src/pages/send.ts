/** How a page is made and sent: template, words, header fields. */
import { join } from 'node:path'
import { Eta } from 'eta'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { PROBLEMS, type ProblemCode } from '../sidecar/problem.js'
import { assetUrl, PAGES_FOLDER } from './assets.js'
import { wayOf } from './way.js'
import { isWordKey, LANGUAGES, type Language, languageOf, type Translate, translator } from './words/words.js'

/** Templates escape what they put in; the only exceptions are layouts, which put in what a template made. */
const TEMPLATES = new Eta({ views: join(PAGES_FOLDER, 'templates'), cache: true, autoEscape: true })

/** What every template may use, beside what its page gives it. */
export interface Common {
  t: Translate
  asset(name: string): string
  language: Language
  languages: typeof LANGUAGES
  csrf: string
  isSignedIn: boolean
  /** path and query of this page, if one may come back to it */
  here: string
  /** path of this page */
  path: string
  time(unixMs: number): string
  isWord: typeof isWordKey
  /** English title of a problem */
  titleOf(code: ProblemCode): string
}

/** How a page differs from others. */
export interface PageOptions {
  status?: number
  /** where forms may lead beside this server, as sources of a Content-Security-Policy */
  formTargets?: readonly string[]
  /** pictures stand in its stylesheet, as Swagger UI has them */
  hasDataImages?: boolean
}

/**
 * Sends a page.
 *
 * @param name file of the template, without its ending.
 * @param view what the template shows.
 */
export function sendPage(
  request: FastifyRequest,
  reply: FastifyReply,
  name: string,
  view: object,
  { status, formTargets = [], hasDataImages = false }: PageOptions = {},
): FastifyReply {
  const { language, csrf, session } = request.visitor ?? {
    language: languageOf('', request.headers['accept-language']),
    csrf: '',
    session: null,
  }
  const common: Common = {
    t: translator(language),
    asset: assetUrl,
    language,
    languages: LANGUAGES,
    csrf,
    isSignedIn: session !== null,
    here: request.method === 'GET' ? wayOf(request.url, '/') : '/',
    path: request.url.split('?')[0] ?? '/',
    time: (unixMs) => new Intl.DateTimeFormat(language === 'en' ? 'en-GB' : language, TIME).format(unixMs),
    isWord: isWordKey,
    titleOf: (problem) => PROBLEMS[problem].title,
  }
  const code = 'code' in view ? PROBLEMS[view.code as ProblemCode]?.status : undefined
  return reply
    .code(status ?? code ?? 200)
    .headers(pageHeaders(formTargets, hasDataImages))
    .header('content-language', language)
    .type('text/html; charset=utf-8')
    .serializer((html: string) => html)
    .send(TEMPLATES.render(`./${name}`, { ...common, ...view }))
}

/** Pages are made where nobody knows the reader's time zone. */
const TIME: Intl.DateTimeFormatOptions = {
  year: 'numeric',
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  timeZone: 'UTC',
  timeZoneName: 'short',
}

/** Header fields of each page: nothing inline, nothing of others, in no frame. */
function pageHeaders(formTargets: readonly string[], hasDataImages: boolean): Record<string, string> {
  const policy = [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    `img-src 'self'${hasDataImages ? ' data:' : ''}`,
    "connect-src 'self'",
    "worker-src 'self'",
    "manifest-src 'self'",
    // A browser looks at it again where a form is answered by a redirect.
    `form-action ${["'self'", ...formTargets].join(' ')}`,
    "frame-ancestors 'none'",
    "base-uri 'none'",
  ]
  return {
    'content-security-policy': policy.join('; '),
    'x-frame-options': 'DENY',
    // Not `no-referrer`: browsers would send forms with the origin `null` then.
    'referrer-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=(), idle-detection=(self)',
    vary: 'accept, accept-language, cookie',
  }
}
