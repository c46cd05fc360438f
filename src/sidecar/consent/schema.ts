/** JSON of sessions, applications and consent. */
import { type TSchema, Type } from 'typebox'
import { SCOPES } from '../../store/app-row.js'
import type { AppRow } from '../../store/store.js'
import { isoTime } from '../../webhook/view.js'
import { record, text } from '../schema.js'
import { appText } from './authorization.js'
import { REDIRECT_URI_CHARACTERS_MAX, REDIRECT_URIS_MAX } from './redirect-uri.js'

const NAME = { minLength: 1, maxLength: 120 }

/** How the ids of applications begin, and what follows. */
export const AppId = Type.String({ description: 'Id of the application.', examples: ['app_3f9c2b7a10d4e586'] })

/** Scopes of an API key. */
export const Scopes = Type.Array(Type.Unsafe<(typeof SCOPES)[number]>({ type: 'string', enum: [...SCOPES] }), {
  description: 'What the key may do.',
  maxItems: SCOPES.length,
  uniqueItems: true,
})

/** Live or test. */
export const Mode = Type.Unsafe<'live' | 'test'>({
  type: 'string',
  enum: ['live', 'test'],
  description: 'A test key reaches the echo persons of the application and nobody else.',
})

/** Fields of an application that a developer sets. */
export const APP_FIELDS = {
  name: text('What people see when they are asked, and when it rings.', NAME),
  redirectUris: Type.Array(Type.String({ minLength: 1, maxLength: REDIRECT_URI_CHARACTERS_MAX }), {
    description:
      'Where people may be sent back to: https, http on loopback, or a private-use scheme. Compared character by character; of a loopback address any port fits.',
    maxItems: REDIRECT_URIS_MAX,
    uniqueItems: true,
  }),
  homePage: Type.String({ description: 'https URL, or empty.', maxLength: 512 }),
  domain: Type.String({ description: 'Host name that vouches for the application, or empty.', maxLength: 253 }),
}

const ApiKeyView = record({
  id: Type.String({ examples: ['key_5b0c77d1a2f4e688'] }),
  mode: Mode,
  scopes: Scopes,
  createdAt: Type.String({ format: 'date-time' }),
})

const APP_VIEW_FIELDS = {
  id: AppId,
  ...APP_FIELDS,
  domainVerifiedAt: Type.Unsafe<string | null>({ type: ['string', 'null'], description: 'null: it is not.' }),
  createdAt: Type.String({ format: 'date-time' }),
  keys: Type.Array(ApiKeyView, { description: 'Live API keys, at most two of each mode, the newest first.' }),
}

/** An application as its developer sees it. */
export const AppView = record(APP_VIEW_FIELDS, { title: 'Application' })

/** The same, with a key that is told once. */
export const AppWithKey = record(
  { ...APP_VIEW_FIELDS, apiKey: Type.String({ description: 'Told once.', examples: ['pl_live_...'] }) },
  { title: 'ApplicationWithKey' },
)

/** A session as its person sees it. */
export const SessionView = record(
  {
    id: Type.String({ examples: ['ses_3f9c2b7a10d4e586'] }),
    account: Type.String({ examples: ['acc_3f9c2b7a10d4e586'] }),
    label: Type.String(),
    createdAt: Type.String({ format: 'date-time' }),
    expiresAt: Type.String({ format: 'date-time' }),
    current: Type.Boolean({ description: 'The one that asks.' }),
  },
  { title: 'Session' },
)

/** Hours, as in a person's list. */
export const Hours: TSchema = record(
  {
    zone: Type.String({ description: 'IANA time zone, for a person who has none yet.', maxLength: 64 }),
    windows: Type.Array(
      record({
        days: Type.Integer({ description: 'Bit 0 Monday to bit 6 Sunday.', minimum: 1, maximum: 127 }),
        start: Type.Integer({ description: 'Minute of the day.', minimum: 0, maximum: 1439 }),
        end: Type.Integer({
          description: 'Minute of the day; not after start: past midnight.',
          minimum: 0,
          maximum: 1439,
        }),
      }),
      { maxItems: 16 },
    ),
  },
  { description: 'When the application sees the person. Default: always.' },
)

/** An application as JSON. */
export function appJson(app: AppRow) {
  const { name, redirectUris, homePage, domain, domainVerifiedMs, createdMs, keys } = app
  return {
    id: appText(app),
    name,
    redirectUris,
    homePage,
    domain,
    domainVerifiedAt: domainVerifiedMs === 0 ? null : isoTime(domainVerifiedMs),
    createdAt: isoTime(createdMs),
    keys: keys.map(({ keyId, mode, scopes, createdMs: madeMs }) => ({
      id: keyId,
      mode,
      scopes,
      createdAt: isoTime(madeMs),
    })),
  }
}
