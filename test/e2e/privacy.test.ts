/**
 * Who uses what stands nowhere: the server's files are searched while it runs, its log, and a backup, at each step of a
 * consent's life. The numbers of person and application are made large, so that they are found as integers too.
 */
import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import t, { type Test } from 'tap'
import { AppService } from '../../src/appservice/index.js'
import { hex } from '../../src/base/bytes.js'
import { type Device, MemoryStorage } from '../../src/client/index.js'
import { connect, enrol } from '../../src/client/node/index.js'
import { nobleCrypto } from '../../src/crypto/noble.js'
import { connectCalls } from '../../src/io/call-socket.js'
import { apiKeyHash } from '../../src/store/app-keys.js'
import { databaseFile, defaultKeyFile } from '../../src/store/folder-layout.js'
import { readKeyFile } from '../../src/store/key-file.js'
import { RowSealer, rowPlace } from '../../src/store/row-sealer.js'
import { localStore } from '../store/folder.js'
import { leaksIn, leaksInLog, needle, numberNeedle, type Secrets } from '../support/leaks.js'
import { Receiver } from '../support/receiver.js'
import { folderOf, HANGS_MS, nextLook, PersonWatch } from './command.js'
import { ServerProcess } from './process.js'

const PERSON = 0x5e3a91c7
const APP = 0x6b1d42f3
const CALLBACK = 'https://chat.example/cb'
const NAME = 'Ada of the privacy test'
const APP_NAME = 'Chat of the privacy test'
const TITLE = 'title-marker-Zj3'
const RING = { title: TITLE, body: 'body-marker-Qw8', url: 'https://chat.example/url-marker-Lk2' }
const PAYLOAD = Buffer.from('payload-marker-Xv7')
const REPLY = Buffer.from('reply-marker-Mn5')
const ASKED_ONCE = 'idempotency-marker-Tb4'

/** A folder with one person and one application between others, and two one-time codes. */
async function seeded(t: Test, folder: string) {
  localStore(t, folder).close()
  const database = new Database(databaseFile(folder))
  const put = database.prepare('INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)')
  put.run('accounts', PERSON - 1)
  put.run('apps', APP - 1)
  database.close()
  const store = localStore(t, folder)
  const now = Date.now()
  const { account } = await store.addAccount(NAME, now)
  await store.addAccount('Another', now) // what counts the numbers names neither the one nor the other
  const codes = await Promise.all([1, 2].map(() => store.addEnrolmentCode(account, now, 900_000)))
  const details = { name: APP_NAME, redirectUris: [CALLBACK], homePage: '', domain: '' }
  const ask = { kind: 'app-add', owner: null, details, mode: 'live', scopes: ['presence:read', 'rings:write'] } as const
  const added = await store.directory({ ...ask, scopes: [...ask.scopes] }, now)
  await store.addApp('Another', now)
  if (added?.kind !== 'app' || added.apiKey === null) throw new Error('no application')
  store.close()
  return { account, codes: codes.map(String), app: `app_${hex(added.app.appId)}`, apiKey: added.apiKey }
}

/** The server's files as they are now, read by another process: closing a file would take this process's locks away. */
function filesOf(folder: string): Map<string, Buffer> {
  const names = readdirSync(folder).filter((name) => statSync(join(folder, name)).isFile())
  return new Map(names.map((name) => [name, execFileSync('cat', [join(folder, name)], { maxBuffer: 2 ** 28 })]))
}

function leaksInAll(files: Map<string, Buffer>, secrets: Secrets): string[] {
  return [...files].flatMap(([name, bytes]) => leaksIn(name, bytes, secrets))
}

/** A person in a browser, and an application's back end. */
class Consents {
  readonly #url: string
  readonly #app: string
  readonly #secrets: Secrets
  token = ''

  constructor(url: string, app: string, secrets: Secrets) {
    this.#url = url
    this.#app = app
    this.#secrets = secrets
  }

  async post(path: string, body: object): Promise<Record<string, never>> {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${this.token}` }
    const answer = await fetch(this.#url + path, { method: 'POST', headers, body: JSON.stringify(body) })
    return (await answer.json()) as Record<string, never>
  }

  /** The whole way. @returns the PUID; nothing of it may be found from now on. */
  async give(): Promise<string> {
    const verifier = randomBytes(32).toString('base64url')
    const challenge = createHash('sha256').update(verifier).digest('base64url')
    const asked = { client_id: this.#app, redirect_uri: CALLBACK, state: randomBytes(12).toString('base64url') }
    const proof = { response_type: 'code', code_challenge: challenge, code_challenge_method: 'S256' }
    const { redirectTo } = await this.post('/authorize', { ...asked, ...proof, decision: 'allow' })
    const code = new URL(String(redirectTo)).searchParams.get('code') ?? ''
    const fields = { grant_type: 'authorization_code', redirect_uri: CALLBACK, client_id: this.#app }
    const body = new URLSearchParams({ ...fields, code, code_verifier: verifier })
    const { puid } = (await (await fetch(`${this.#url}/oauth/token`, { method: 'POST', body })).json()) as {
      puid: string
    }
    const bytes = Buffer.from(puid.slice(2), 'base64url')
    const parts = { puid, 'PUID, nonce': bytes.subarray(0, 12), 'PUID, ciphertext': bytes.subarray(12), code, verifier }
    for (const [name, part] of Object.entries({ ...parts, challenge, state: asked.state })) {
      this.#secrets.never.push(needle(name, part))
    }
    return puid
  }
}

/** The rotation of the application in the device's list. */
function rotationOf(device: Device): number {
  return device.list.entries[0]?.rotation ?? 0
}

/** Rows of rings as who has the key file too reads them. */
function openedRings(folder: string, copy: string): Buffer[] {
  mkdirSync(copy)
  for (const [name] of filesOf(folder)) execFileSync('cp', [join(folder, name), join(copy, name)])
  const database = new Database(databaseFile(copy))
  const master = new RowSealer(nobleCrypto, readKeyFile(defaultKeyFile(copy))?.masterKey as Uint8Array)
  const keys = new Map(
    (database.prepare('SELECT id, key FROM hour_keys').all() as { id: number; key: Buffer }[]).map(({ id, key }) => {
      const opened = master.open(rowPlace('hour_keys.key', id), key)
      return [id, new RowSealer(nobleCrypto, opened as Uint8Array)]
    }),
  )
  type Row = { ring: Buffer; id: number; row: Buffer }
  const rows = database.prepare('SELECT ring, hour_key AS id, row FROM rings').all() as Row[]
  database.close()
  return rows.map(({ ring, id, row }) => Buffer.from(keys.get(id)?.open(rowPlace('rings.row', id, ring), row) ?? []))
}

t.test('neither files nor log nor backup say who uses what', { timeout: HANGS_MS }, async (t) => {
  const folder = folderOf(t)
  const data = join(folder, 'server')
  const { account, codes, app, apiKey } = await seeded(t, data)
  const appId = Buffer.from(app.slice(4), 'hex')
  const secrets: Secrets = {
    never: [needle('API key', apiKey), needle('payload', PAYLOAD), needle('reply', REPLY)],
    person: [numberNeedle('person', PERSON), needle('account', account), needle('name', NAME)],
    app: [numberNeedle('app', APP), needle('app id', appId), needle('app name', APP_NAME)],
  }
  secrets.app.push(needle('hash of the API key', apiKeyHash(apiKey)), needle('redirect URI', CALLBACK))
  const inText = [app, ASKED_ONCE, ...Object.values(RING), ...codes, ...codes.map((code) => code.replaceAll('-', ''))]
  secrets.never.push(...inText.map((text) => needle(text, text)))
  const server = new ServerProcess(data, { PILOTLIGHT_WEBHOOKS_TO_PRIVATE: 'true' }, [], 'trace')
  t.teardown(() => server.end('SIGKILL'))
  const receiver = await Receiver.start(t)
  await server.start()
  const service = new AppService({ url: server.url, apiKey })
  const metric = async (name: string) =>
    new RegExp(`^pilotlight_(?:[a-z]+_)?${name} (\\d+)`, 'm').exec(await server.metrics())?.[1]
  /** Searches all that is there at this moment. */
  const look = (when: string) => {
    const files = filesOf(data)
    t.ok((files.get('pilotlight.db-wal')?.length ?? 0) > 0, `${when}: the WAL is in use`)
    t.strictSame(leaksInAll(files, secrets), [], `${when}: files`)
    t.strictSame(leaksInLog(server.log, secrets), [], `${when}: log`)
  }

  const consents = new Consents(server.url, app, secrets)
  const signedIn = await consents.post('/v1/sessions', { code: codes[0], label: 'Browser of the privacy test' })
  consents.token = String(signedIn['token'])
  secrets.never.push(needle('session token', consents.token))
  const puid = await consents.give()
  t.equal(await metric('grants_waiting'), '1')
  look('a consent waits for a device')

  const credentials = await enrol({ url: server.url, code: codes[1] ?? '', name: 'Phone of the privacy test' })
  secrets.person.push(needle('device', credentials.deviceId), needle('device name', 'Phone of the privacy test'))
  const device = await connect({ credentials, storage: new MemoryStorage(), keepaliveS: 30 })
  t.teardown(() => device.close())
  await device.whenOnline()
  device.active()
  const watch = new PersonWatch(t, service, puid)
  await watch.until('online')
  secrets.never.push(numberNeedle('rotation', rotationOf(device), false))
  while ((await metric('grants_waiting')) !== '0') await nextLook()
  look('the device has it')

  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' }
  const hook = { method: 'PUT', headers, body: JSON.stringify({ url: receiver.url }) }
  const made = await fetch(`${server.url}/v1/webhook`, hook)
  t.equal(made.status, 200, await made.text())
  await device.setChoice('unavailable')
  t.match(await receiver.events(), [{ type: 'presence.changed', data: { puid } }])
  await device.setChoice('available')
  t.match(await receiver.events(), [{ type: 'presence.changed', data: { puid } }])

  let rings = 0
  const ringing = new Promise<void>((resolve) => {
    device.on('ring', (ring) => {
      if (++rings === 1) ring.shown()
      else ring.accept(new Uint8Array(REPLY))
      resolve()
    })
  })
  const sent = { to: puid, ...RING, payload: PAYLOAD.toString('base64url'), deadlineSeconds: 600 }
  const withdrawn = await service.ring(sent)
  await ringing
  look('it rings')
  await receiver.answer({ status: 503 })
  await withdrawn.withdraw()
  const accepted = await service.ring({ ...sent, idempotencyKey: ASKED_ONCE })
  t.equal((await accepted.outcome()).state, 'accepted')
  await receiver.next()
  look('an outcome waits for its webhook')
  while ((await metric('webhook_waiting')) !== '0') await nextLook()
  look('rings are over and told')
  const rows = openedRings(data, join(folder, 'stolen'))
  t.equal(rows.length, 2)
  t.ok(
    rows.every((row) => row.length > 0),
    'they open with the key file',
  )
  const contents = { ...secrets, never: [...Object.values(RING), PAYLOAD].map((text) => needle(String(text), text)) }
  t.strictSame(
    rows.flatMap((row) => leaksIn('ring', row, { ...contents, person: [] })),
    [],
    'and hold nothing of what the device showed',
  )

  await device.forget(app)
  await watch.until('offline')
  const second = await consents.give()
  t.not(second, puid)
  const again = new PersonWatch(t, service, second)
  await again.until('online')
  secrets.never.push(numberNeedle('second rotation', rotationOf(device), false))
  await device.revoke(app)
  await again.until('offline')
  t.equal((await service.presence(second)).cause, 'revoked')
  while ((await metric('grants_waiting')) !== '0') await nextLook()
  look('all is over')
  const backup = join(folder, 'backup')
  const admin = await connectCalls(join(data, 'pilotlight.sock'))
  await admin?.call('backup', { file: backup })
  admin?.close()
  const copied = readFileSync(backup)
  t.ok(copied.length > 10_000)
  t.strictSame(leaksIn('backup', copied, secrets), [])
  await device.close()
  await server.end('SIGTERM')
  t.strictSame(leaksInAll(filesOf(data), secrets), [], 'after the stop')
  t.strictSame(leaksInLog(server.log, secrets), [])
  t.match(server.log, /"route":"\/oauth\/token"/, 'the log says what was asked')

  findsWhatIsPlanted(t, { copied, secrets, puid, appId, keyHash: apiKeyHash(apiKey), folder })
})

type Planted = string | number | bigint | Uint8Array

/** The search is worth something: each leak, planted into a copy by SQLite itself, is found. */
function findsWhatIsPlanted(
  t: Test,
  place: { copied: Buffer; secrets: Secrets; puid: string; appId: Buffer; keyHash: Uint8Array; folder: string },
): void {
  const { copied, secrets, puid, appId, keyHash, folder } = place
  const raw = Buffer.from(puid.slice(2), 'base64url')
  const planted: Record<string, [Planted, Planted]> = {
    'a PUID': [puid, ''],
    'a PUID in a document': [JSON.stringify({ to: puid }), ''],
    'a PUID as bytes': [raw, ''],
    'a PUID in hexadecimal': [raw.toString('hex'), ''],
    'a PUID in base64, within more': [Buffer.concat([Buffer.alloc(1), raw]).toString('base64'), ''],
    'an application in a text': [`app_${appId.toString('hex')}`, ''],
    'a title': [TITLE, ''],
    'two numbers': [BigInt(PERSON), BigInt(APP)],
    'two doubles': [PERSON, APP],
    'decimals in a document': [JSON.stringify([PERSON, APP]), ''],
    'a number and an id': [PERSON, appId],
    'a name and an id in base64url': [NAME, appId.toString('base64url')],
    'a name and the hash of a key': [NAME, keyHash],
  }
  for (const [name, [one, other]] of Object.entries(planted)) {
    const database = new Database(copied)
    database.exec('CREATE TABLE planted (one ANY, other ANY) STRICT')
    database.prepare('INSERT INTO planted VALUES (?, ?)').run(one, other)
    t.not(leaksIn('copy', database.serialize(), secrets).length, 0, `found in a database: ${name}`)
    database.close()
  }
  const asRowId = new Database(copied)
  asRowId.exec(
    `CREATE TABLE planted (id INTEGER PRIMARY KEY, app INTEGER); INSERT INTO planted VALUES (${PERSON}, ${APP})`,
  )
  t.not(leaksIn('copy', asRowId.serialize(), secrets).length, 0, 'found as a row id')
  asRowId.close()
  const file = join(folder, 'planted.db')
  const inWal = new Database(file)
  inWal.pragma('journal_mode = WAL')
  inWal.exec(`CREATE TABLE planted (person INTEGER, app INTEGER); INSERT INTO planted VALUES (${PERSON}, ${APP})`)
  const pages = execFileSync('cat', [`${file}-wal`])
  inWal.close()
  t.not(leaksIn('x.db-wal', pages, secrets).length, 0, 'found in a WAL')
  const lines = [{ app: 1, puid }, { person: PERSON }, { app: appId.toString('hex') }, { detail: `app ${APP}` }]
  for (const line of lines.map((one) => JSON.stringify(one))) {
    t.not(leaksInLog(line, secrets).length, 0, `found in a log: ${line}`)
  }
}
