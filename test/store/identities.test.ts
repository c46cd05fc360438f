/** Persons whom a provider of identities vouches for, and what a person removes of themselves. */
import Database from 'better-sqlite3'
import t from 'tap'
import { databaseFile } from '../../src/store/folder-layout.js'
import { localStore, NOW, newFolder } from './folder.js'

t.test('an identity is one person for good; its name and subject stand nowhere', async (t) => {
  const folder = newFolder(t)
  const store = localStore(t, folder)
  const signIn = (subject: string, issuer = 'https://id.example') =>
    store.directory({ kind: 'sign-in-as', issuer, subject, name: 'from id.example', label: 'Firefox' }, NOW)
  const first = await signIn('ada-subject')
  const again = await signIn('ada-subject')
  const other = await signIn('ada-subject', 'https://other.example')
  t.match(first, { kind: 'signed-in', isNewPerson: true })
  t.match(again, { kind: 'signed-in', isNewPerson: false })
  t.match(other, { isNewPerson: true })
  if (first?.kind !== 'signed-in' || again?.kind !== 'signed-in' || other?.kind !== 'signed-in') return t.fail()
  t.equal(again.session.person, first.session.person)
  t.not(other.session.person, first.session.person)
  const { account } = first.session
  const removed = await store.directory({ kind: 'account-remove', account }, NOW)
  t.match(removed, { kind: 'account-removed', person: first.session.person, apps: [] })
  t.equal(await store.directory({ kind: 'account-remove', account }, NOW), null)
  store.close()
  const database = new Database(databaseFile(folder))
  t.equal(database.prepare('SELECT count(*) FROM identities').pluck().get(), 1)
  t.notOk(database.serialize().includes('ada-subject'))
  t.notOk(database.serialize().includes(account))
  database.close()
})

t.test('a code of the operator works once, for what it is used for first', async (t) => {
  const store = localStore(t, newFolder(t))
  const { account } = await store.addAccount('Ada', NOW)
  const signs = (await store.addEnrolmentCode(account, NOW, 1000)) ?? ''
  t.match(await store.directory({ kind: 'sign-in', code: signs, label: '' }, NOW), { kind: 'signed-in' })
  t.equal(await store.enrol(signs, new Uint8Array(32).fill(3), 'Phone', NOW), 'bad-code')
  t.equal(await store.directory({ kind: 'sign-in', code: signs, label: '' }, NOW), null)
  const enrols = (await store.addEnrolmentCode(account, NOW, 1000)) ?? ''
  t.type(await store.enrol(enrols, new Uint8Array(32).fill(3), 'Phone', NOW), 'object')
  t.equal(await store.directory({ kind: 'sign-in', code: enrols, label: '' }, NOW), null)
})

t.test('a person sees and removes their own devices, and nobody else’s', async (t) => {
  const store = localStore(t, newFolder(t))
  const { account, person } = await store.addAccount('Ada', NOW)
  const { account: another } = await store.addAccount('Bob', NOW)
  const made = await store.directory({ kind: 'code-add', person }, NOW)
  t.match(made, { kind: 'code', untilMs: NOW + 900_000 })
  const code = made?.kind === 'code' ? made.code : ''
  t.equal(await store.directory({ kind: 'sign-in', code, label: '' }, NOW), null, 'a code for a device signs nobody in')
  const enrolment = await store.enrol(code, new Uint8Array(32).fill(3), 'Phone', NOW)
  if (typeof enrolment === 'string') return t.fail(enrolment)
  const { deviceId, device } = enrolment
  t.match(await store.directory({ kind: 'devices', account }, NOW), { devices: [{ deviceId, device, name: 'Phone' }] })
  t.same(await store.directory({ kind: 'devices', account: another }, NOW), { kind: 'devices', devices: [] })
  t.equal(await store.directory({ kind: 'device-remove', account: another, deviceId }, NOW), null)
  const removed = await store.directory({ kind: 'device-remove', account, deviceId }, NOW)
  t.same(removed, { kind: 'device-removed', device })
  t.equal(await store.directory({ kind: 'device-remove', account, deviceId }, NOW), null)
})

t.test(
  'a browser is known after its session, to ask for another; it is forgotten by its person, and by time',
  async (t) => {
    const folder = newFolder(t)
    const store = localStore(t, folder)
    const { person, account } = await store.addAccount('Ada', NOW)
    const signIn = async (nowMs = NOW) => {
      const code = (await store.addEnrolmentCode(account, nowMs, 1000)) ?? ''
      const signed = await store.directory({ kind: 'sign-in', code, label: 'Firefox' }, nowMs)
      return signed?.kind === 'signed-in' ? signed : t.fail('not signed in')
    }
    const remember = async (id: string, before = '') => {
      const made = await store.directory({ kind: 'browser-remember', person, id, before }, NOW)
      return made?.kind === 'remembered' ? made.known : ''
    }
    const whose = (known: string, nowMs = NOW) => store.directory({ kind: 'browser', known }, nowMs)
    const sessions = (nowMs = NOW) => store.directory({ kind: 'sessions', person }, nowMs)
    const signed = await signIn()
    if (signed === undefined || typeof signed !== 'object') return
    const { token, session } = signed
    const known = await remember(session.id)
    t.match(known, /^plk_/)
    t.same(await whose(known), { kind: 'person', person })
    t.equal(await store.directory({ kind: 'session', token: known }, NOW), null, 'it is no session')
    t.match(await sessions(), { sessions: [{ id: session.id }], known: [] })
    t.equal(await store.directory({ kind: 'session-end', person: person + 1, id: session.id }, NOW), null)
    await store.directory({ kind: 'session-end', person, id: session.id }, NOW)
    t.equal(await store.directory({ kind: 'session', token }, NOW), null)
    t.match(await sessions(), { sessions: [], known: [{ id: session.id, label: 'Firefox' }] })
    t.same(await whose(known), { kind: 'person', person })
    const again = await store.directory({ kind: 'sign-in-known', known, label: 'Firefox' }, NOW)
    t.match(again, { kind: 'signed-in', session: { person } })
    const renewed = again?.kind === 'signed-in' ? await remember(again.session.id, known) : ''
    t.equal(await whose(known), null, 'what a browser kept before counts no more')
    t.equal(await store.directory({ kind: 'sign-in-known', known, label: '' }, NOW), null)
    t.equal(await store.directory({ kind: 'sign-in-known', known: token, label: '' }, NOW), null)
    t.match(await sessions(), { sessions: [{}], known: [] })

    const days = (count: number) => NOW + count * 86_400_000
    t.match(await sessions(days(31)), { sessions: [], known: [{}] }, 'also when the session is over by time')
    t.same(await whose(renewed, days(179)), { kind: 'person', person })
    t.equal(await whose(renewed, days(181)), null)
    const last = await signIn()
    if (last === undefined || typeof last !== 'object') return
    const lost = await remember(last.session.id)
    await store.directory({ kind: 'sign-out', person, id: last.session.id }, NOW)
    t.equal(await whose(lost), null, 'ended from elsewhere: forgotten')
    await store.directory({ kind: 'browser-forget', known: renewed }, NOW)
    t.match(await sessions(), { sessions: [], known: [] })
  },
)
