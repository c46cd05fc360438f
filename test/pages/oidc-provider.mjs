// A real OpenID provider in a process of its own. Whoever comes is signed in as `ada`, unless the cookie `who` says who.
// Prints its URL. A line on stdin changes its signing key.
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import Provider from 'oidc-provider'

const server = createServer((request, response) => handle(request, response)).listen(0, '127.0.0.1')
await once(server, 'listening')
const issuer = `http://127.0.0.1:${server.address().port}`
let keys = 0
let provider = newProvider()
console.log(JSON.stringify({ issuer }))
createInterface({ input: process.stdin }).on('line', () => {
  provider = newProvider()
  console.log(JSON.stringify({ keys }))
})

function newProvider() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const key = { ...privateKey.export({ format: 'jwk' }), kid: `key-${++keys}`, use: 'sig', alg: 'RS256' }
  const client = { client_id: 'pilotlight', client_secret: 'a secret of the test', grant_types: ['authorization_code'] }
  return new Provider(issuer, {
    clients: [
      {
        ...client,
        redirect_uris: ['http://pages.example/sign-in/callback'],
        post_logout_redirect_uris: ['http://pages.example/'],
      },
    ],
    jwks: { keys: [key] },
    cookies: { keys: ['of the test'] },
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true } },
    interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
    findAccount: (_context, accountId) => ({ accountId, claims: async () => ({ sub: accountId }) }),
    async loadExistingGrant({ oidc }) {
      const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId })
      grant.addOIDCScope('openid')
      await grant.save()
      return grant
    },
  })
}

async function handle(request, response) {
  if (!request.url.startsWith('/interaction/')) return provider.callback()(request, response)
  const who = /\bwho=([a-z]+)/.exec(request.headers.cookie ?? '')?.[1] ?? 'ada'
  await provider.interactionFinished(request, response, { login: { accountId: who } })
}
