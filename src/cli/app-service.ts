/** The commands that speak as an AppService, over the library that AppServices use. */
import { AppService } from '../appservice/app-service.js'
import { cliError } from './cli-error.js'
import { isHttpUrl, text } from './option.js'

/** Options of these commands. */
export const APP_OPTIONS = {
  url: text('URL', "the server's HTTP", 'http://127.0.0.1:7351'),
  apiKey: text('KEY', "the application's API key, as `app add` printed it"),
}

/** An AppService. @throws CliError PL_NO_API_KEY, PL_BAD_URL. */
export function appServiceFor(url: string, apiKey: string): AppService {
  if (apiKey === '') throw cliError('PL_NO_API_KEY', 'no API key is given')
  if (!isHttpUrl(url)) throw cliError('PL_BAD_URL', `"${url}" is no HTTP URL`)
  return new AppService({ url, apiKey, fetch: tellingFetch })
}

/** `fetch` hides behind "fetch failed" why nobody answered. */
async function tellingFetch(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  try {
    return await fetch(input, init)
  } catch (error) {
    const { cause, message } = error as Error & { cause?: { code?: unknown } }
    if (typeof cause?.code !== 'string') throw error
    throw new Error(`no answer from ${new URL(String(input)).origin} (${cause.code || message})`)
  }
}
