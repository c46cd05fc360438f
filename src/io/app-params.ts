/** What an operator says of an application, checked. */

import { redirectUriFault } from '../sidecar/consent/redirect-uri.js'
import { isDomain } from '../sidecar/domain/check.js'
import type { NewApp, NewKey } from '../store/app-row.js'
import { type AppDetails, type KeyMode, SCOPES, type Scope } from '../store/app-row.js'
import type { AppRow, Store } from '../store/store.js'
import type { Params } from './call-socket.js'
import { ServerError } from './server-error.js'

/** Redirect URIs, home page and domain, those that are given. @throws ServerError PL_BAD_ARGUMENT. */
export function detailsOf(params: Params): Partial<AppDetails> {
  const { redirectUris, homePage, domain, name } = params as Record<string, unknown>
  const details: Partial<AppDetails> = {}
  if (Array.isArray(redirectUris)) {
    for (const uri of redirectUris as string[]) {
      const fault = redirectUriFault(uri)
      if (fault !== null) throw new ServerError('PL_BAD_ARGUMENT', `the redirect URI ${uri} ${fault}`)
    }
    details.redirectUris = redirectUris as string[]
  }
  if (typeof homePage === 'string') details.homePage = homePage
  if (typeof name === 'string' && name !== '') details.name = name
  if (typeof domain === 'string') {
    if (domain !== '' && !isDomain(domain)) throw new ServerError('PL_BAD_ARGUMENT', `"${domain}" is no host name`)
    details.domain = domain
  }
  return details
}

/** Mode and scopes of a key. @throws ServerError PL_BAD_ARGUMENT. */
export function keyOf(params: Params): NewKey {
  const { mode, scopes } = params as { mode?: unknown; scopes?: unknown }
  const words = Array.isArray(scopes) ? (scopes as string[]) : []
  const wrong = words.find((word) => !(SCOPES as readonly string[]).includes(word))
  if (wrong !== undefined)
    throw new ServerError('PL_BAD_ARGUMENT', `"${wrong}" is no scope; there are ${SCOPES.join(', ')}`)
  return {
    mode: mode === 'test' ? 'test' : ('live' satisfies KeyMode),
    scopes: words.length > 0 ? (words as Scope[]) : null,
  }
}

/** All of a new application but its name. @throws ServerError PL_BAD_ARGUMENT, PL_UNKNOWN_ACCOUNT. */
export async function newAppOf(params: Params, store: Store): Promise<NewApp> {
  const { name: _name, ...details } = detailsOf(params)
  return { ...details, ...keyOf(params), owner: await ownerOf(params, store) }
}

/** An application for the operator. */
export function shownWhole(app: AppRow) {
  const { name, createdMs, redirectUris, homePage, domain, domainVerifiedMs, owner } = app
  return {
    app: `app_${Buffer.from(app.appId).toString('hex')}`,
    name,
    createdMs,
    redirectUris,
    homePage,
    domain,
    domainVerifiedMs,
    hasOwner: owner !== null,
    keys: app.keys.map(({ keyId, mode, scopes, createdMs: madeMs }) => ({
      key: keyId,
      mode,
      scopes,
      createdMs: madeMs,
    })),
  }
}

async function ownerOf(params: Params, store: Store): Promise<number | null> {
  const { owner } = params as { owner?: unknown }
  if (typeof owner !== 'string' || owner === '') return null
  const account = (await store.listAccounts()).find((one) => one.account === owner)
  if (account === undefined) throw new ServerError('PL_UNKNOWN_ACCOUNT', owner)
  return account.person
}
