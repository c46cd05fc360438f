/** Sign-in by OpenID Connect: the code flow with PKCE, state and nonce, and the end of it. */
import * as client from 'openid-client'
import type { OidcProvider } from '../sidecar/options.js'
import { Problem } from '../sidecar/problem.js'

const TIMEOUT_S = 5
/** How long what a provider says of itself is believed, ms. Its keys are asked for at each sign-in. */
const METADATA_MS = 3_600_000

/** What a browser keeps between leaving for the provider and coming back. */
export interface Way {
  state: string
  nonce: string
  verifier: string
}

/** Who somebody is, as the provider says. */
export interface Identity {
  issuer: string
  subject: string
}

/** One provider. */
export class Oidc {
  readonly #provider: OidcProvider
  readonly #nowMs: () => number
  #metadata: client.ServerMetadata | null = null
  #readMs = 0

  /** @param nowMs monotonic. */
  constructor(provider: OidcProvider, nowMs: () => number) {
    this.#provider = provider
    this.#nowMs = nowMs
  }

  /** Origins that a form may lead to when a person signs out. */
  get origin(): string {
    return new URL(this.#provider.issuer).origin
  }

  get host(): string {
    return new URL(this.#provider.issuer).host
  }

  /** Where to send a browser, and what it is to keep. @throws Problem unavailable. */
  async start(callback: string): Promise<{ location: string; way: Way }> {
    const config = await this.#config()
    const way = { state: client.randomState(), nonce: client.randomNonce(), verifier: client.randomPKCECodeVerifier() }
    const location = client.buildAuthorizationUrl(config, {
      redirect_uri: callback,
      scope: 'openid',
      state: way.state,
      nonce: way.nonce,
      code_challenge: await client.calculatePKCECodeChallenge(way.verifier),
      code_challenge_method: 'S256',
    })
    return { location: location.href, way }
  }

  /**
   * Who came back.
   *
   * @param url the callback with its query, as the browser asked for it.
   * @throws Problem sign-in-failed for whatever is not right; unavailable.
   */
  async finish(url: URL, { state, nonce, verifier }: Way): Promise<Identity> {
    const config = await this.#config()
    try {
      const tokens = await client.authorizationCodeGrant(config, url, {
        expectedState: state,
        expectedNonce: nonce,
        pkceCodeVerifier: verifier,
        idTokenExpected: true,
      })
      const claims = tokens.claims()
      if (claims === undefined) throw new Problem('sign-in-failed')
      return { issuer: claims.iss, subject: claims.sub }
    } catch {
      throw new Problem('sign-in-failed')
    }
  }

  /** Where a browser signs out at the provider too; null if the provider has no such place, or does not answer. */
  async end(back: string): Promise<string | null> {
    try {
      const config = await this.#config()
      if (config.serverMetadata().end_session_endpoint === undefined) return null
      return client.buildEndSessionUrl(config, { post_logout_redirect_uri: back }).href
    } catch {
      return null
    }
  }

  /** A fresh one each time: it has the provider's keys of now, so that a key that was changed is known. */
  async #config(): Promise<client.Configuration> {
    const { issuer, clientId, clientSecret } = this.#provider
    const execute = issuer.startsWith('http:') ? [client.allowInsecureRequests] : []
    try {
      if (this.#metadata === null || this.#nowMs() - this.#readMs > METADATA_MS) {
        const options = { execute, timeout: TIMEOUT_S }
        this.#metadata = (
          await client.discovery(new URL(issuer), clientId, clientSecret, undefined, options)
        ).serverMetadata()
        this.#readMs = this.#nowMs()
      }
    } catch {
      throw new Problem('unavailable', 'The sign-in provider does not answer.', { 'retry-after': '5' })
    }
    const config = new client.Configuration({ ...this.#metadata }, clientId, clientSecret)
    config.timeout = TIMEOUT_S
    for (const extend of execute) extend(config)
    client.enableNonRepudiationChecks(config)
    return config
  }
}
