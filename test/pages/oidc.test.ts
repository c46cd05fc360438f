/** Sign-in by OpenID Connect against a real provider in a process of its own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t, { type Test } from 'tap'
import type { DirectoryAsk } from '../../src/store/directory-message.js'
import { ROOT } from '../support/root.js'
import { pagesFixture, Visitor } from './visitor.js'

const HERE = 'http://pages.example'

/** The provider, and how its signing key is changed. */
async function provider(t: Test): Promise<{ issuer: string; changeKey(): Promise<void> }> {
  const file = join(ROOT, 'test/pages/oidc-provider.mjs')
  const child = spawn(process.execPath, [file], { cwd: ROOT, stdio: ['pipe', 'pipe', 'ignore'] })
  t.teardown(() => child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })
  const [first] = (await once(lines, 'line')) as [string]
  const changeKey = async () => {
    child.stdin.write('\n')
    await once(lines, 'line')
  }
  return { issuer: (JSON.parse(first) as { issuer: string }).issuer, changeKey }
}

/** Follows redirects of the provider until it leads back to us. @returns the path there. */
async function throughProvider(start: string, jar = new Map<string, string>()): Promise<string> {
  let url = start
  for (let hop = 0; hop < 10; hop++) {
    if (url.startsWith(`${HERE}/`)) return url.slice(HERE.length)
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await fetch(url, { redirect: 'manual', headers: { cookie } })
    for (const line of answer.headers.getSetCookie()) {
      const [name = '', value = ''] = (line.split(';')[0] ?? '').split('=')
      jar.set(name, value)
    }
    const location = answer.headers.get('location')
    if (location === null) throw new Error(`the provider says ${answer.status}: ${await answer.text()}`)
    url = new URL(location, url).href
  }
  throw new Error('too many redirects')
}

t.test('OpenID Connect', async (t) => {
  const { issuer, changeKey } = await provider(t)
  const oidc = { issuer, clientId: 'pilotlight', clientSecret: 'a secret of the test' }
  const { app, main } = await pagesFixture({ oidc })
  const signIns = () =>
    main.sent.flatMap((message) =>
      message.kind === 'directory' && message.ask.kind === 'sign-in-as' ? [message.ask] : [],
    )
  const leave = async (visitor: Visitor, next = '/developers') => {
    const { headers } = await visitor.get(`/sign-in/provider?next=${encodeURIComponent(next)}`)
    return String(headers['location'])
  }

  await t.test('a person comes back as who they are, to where they wanted, also after a change of keys', async (t) => {
    const visitor = new Visitor(app)
    t.match((await visitor.get('/sign-in')).body, `Sign in with ${new URL(issuer).host}`)
    for (const who of ['ada', 'grace']) {
      const start = await leave(visitor)
      const asked = new URL(start).searchParams
      t.equal(asked.get('code_challenge_method'), 'S256')
      for (const name of ['state', 'nonce', 'code_challenge']) t.ok((asked.get(name) ?? '').length >= 22, name)
      const back = await visitor.get(await throughProvider(start, new Map([['who', who]])))
      t.match(back, { statusCode: 303, headers: { location: '/developers' } })
      t.match(signIns().at(-1), { issuer, subject: who } satisfies Partial<DirectoryAsk>)
      await changeKey()
    }
    t.ok(visitor.cookies.has('pilotlight_session'))
    const account = await visitor.get('/account')
    t.match(account.headers['content-security-policy'], `form-action 'self' ${issuer};`)
    const out = await visitor.post('/sign-out', {})
    const end = new URL(String(out.headers['location']))
    t.equal(end.origin, issuer, 'signed out there too')
    t.equal(end.searchParams.get('post_logout_redirect_uri'), `${HERE}/`)
    t.equal(end.searchParams.get('client_id'), 'pilotlight')
    t.equal((await fetch(end)).status, 200, 'the provider knows the place to come back to')
  })

  await t.test('mixed-up and repeated answers sign nobody in', async (t) => {
    const before = signIns().length
    const victim = new Visitor(app)
    const attacker = new Visitor(app)
    const attackers = await throughProvider(await leave(attacker), new Map([['who', 'mallory']]))
    const stolen = await throughProvider(await leave(victim))
    const refused = async (visitor: Visitor, path: string) => {
      const answer = await visitor.get(path)
      t.equal(answer.statusCode, 403)
      t.match(answer.body, 'sign-in-failed')
      t.notOk(visitor.cookies.has('pilotlight_session'))
    }
    await refused(victim, attackers) // login CSRF: the answer of somebody else
    await refused(victim, stolen) // the way counts once
    await refused(new Visitor(app), stolen) // no browser left for it
    const changed = new Visitor(app)
    const own = new URL(await throughProvider(await leave(changed)), HERE)
    own.searchParams.set('iss', 'https://evil.example')
    await refused(changed, `${own.pathname}${own.search}`)
    const denied = new Visitor(app)
    const start = new URL(await leave(denied))
    await refused(denied, `/sign-in/callback?error=access_denied&state=${start.searchParams.get('state')}`)
    t.equal(signIns().length, before)

    const twice = new Visitor(app)
    const once = await throughProvider(await leave(twice))
    const way = twice.cookies.get('pilotlight_way') ?? ''
    t.equal((await twice.get(once)).statusCode, 303)
    twice.cookies.set('pilotlight_way', way)
    t.equal((await twice.get(once)).statusCode, 403, 'the code counts once')

    const open = new Visitor(app)
    const back = await open.get(await throughProvider(await leave(open, '//evil.example/panel')))
    t.equal(back.headers['location'], '/panel')
  })

  await t.test('a provider that does not answer is told, and codes go on', async (t) => {
    const alone = await pagesFixture({ oidc: { ...oidc, issuer: 'http://127.0.0.1:9' } })
    const visitor = new Visitor(alone.app)
    t.equal((await visitor.get('/sign-in/provider')).statusCode, 503)
    t.equal((await visitor.get('/sign-in')).statusCode, 200)
  })
})
