/** A developer's application: the same checks for the API and for the pages. */
import type { PersonKey } from '../../hub/message.js'
import type { AppDetails } from '../../store/app-row.js'
import type { AppRow } from '../../store/store.js'
import type { Context } from '../context.js'
import { checkDomain, isDomain } from '../domain/check.js'
import { Problem } from '../problem.js'
import { appText } from './authorization.js'
import { redirectUriFault } from './redirect-uri.js'

/** An application of a developer. @throws Problem unknown-app. */
export async function ownApp({ link }: Context, owner: PersonKey, appId: string): Promise<AppRow> {
  const found = await link.directory({ kind: 'app', owner, appId })
  if (found?.kind !== 'app') throw new Problem('unknown-app')
  return found.app
}

/** Looks whether the domain of an application names it. @throws Problem unknown-app, domain-not-shown. */
export async function verifyDomain(context: Context, owner: PersonKey, appId: string): Promise<AppRow> {
  const found = await ownApp(context, owner, appId)
  if (found.domain === '') throw new Problem('domain-not-shown', 'The application has no domain.')
  const fault = await checkDomain(found.domain, appText(found), context.settings.privateDomains)
  if (fault !== null) throw new Problem('domain-not-shown', fault)
  await context.link.directory({ kind: 'domain-verified', appId: appText(found), domain: found.domain })
  return ownApp(context, owner, appId)
}

/** @throws Problem invalid-request naming the field. */
export function checkedDetails(details: Partial<AppDetails>): Partial<AppDetails> {
  for (const uri of details.redirectUris ?? []) {
    const fault = redirectUriFault(uri)
    if (fault !== null) throw new Problem('invalid-request', `body/redirectUris: one ${fault}.`)
  }
  const { homePage = '', domain = '' } = details
  if (homePage !== '' && !(URL.canParse(homePage) && /^https?:$/.test(new URL(homePage).protocol))) {
    throw new Problem('invalid-request', 'body/homePage must be an http or https URL.')
  }
  if (domain !== '' && !isDomain(domain)) throw new Problem('invalid-request', 'body/domain must be a host name.')
  return details
}
