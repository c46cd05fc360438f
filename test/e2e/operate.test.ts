import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { AppService } from '../../src/appservice/index.js'
import { base64url } from '../../src/base/base64.js'
import type { Credentials } from '../../src/client/credentials.js'
import { readDeviceState, writeDeviceState } from '../../src/client/device-state.js'
import { type Device, MemoryStorage } from '../../src/client/index.js'
import { loadCredentials } from '../../src/client/node/credentials-file.js'
import { connect } from '../../src/client/node/index.js'
import { command, commands, folderOf, HANGS_MS, json, preload, refused, serverIn, talk } from './command.js'
import { ServerProcess } from './process.js'

/** What a device keeps, with a look into it. */
class KnownStorage extends MemoryStorage {
  readonly #publicKey: Uint8Array
  #bytes: Uint8Array
  #saved: () => void = () => {}

  constructor(bytes: Uint8Array, publicKey: Uint8Array) {
    super(bytes)
    this.#bytes = bytes
    this.#publicKey = publicKey
  }

  override async save(bytes: Uint8Array): Promise<void> {
    await super.save(bytes)
    this.#bytes = bytes.slice()
    this.#saved()
  }

  /** Settles when the device has kept this key of the server. */
  async knows(serverKey: string): Promise<void> {
    while (!this.#state().serverKeys.map(base64url).includes(serverKey)) {
      await new Promise<void>((resolve) => {
        this.#saved = resolve
      })
    }
  }

  /** The same, but for the session: the next contact is a handshake. */
  withoutSession(): Uint8Array {
    return writeDeviceState({ ...this.#state(), session: null }, this.#publicKey)
  }

  #state() {
    return readDeviceState(this.#bytes, this.#publicKey)
  }
}

/** Connects, and tells of how many bytes the handshake was; null for none. */
async function online(t: Test, credentials: Credentials, storage = new MemoryStorage()) {
  const device = await connect({ credentials, storage })
  t.teardown(() => device.close())
  const handshakeBytes = await new Promise<readonly number[] | null>((resolve) => {
    device.on('online', (event) => resolve(event.handshakeBytes))
  })
  return { device, handshakeBytes }
}

/** Collects garbage all the time: what a stream still needs must not be among it. */
const COLLECTING = `import v8 from 'node:v8'
import vm from 'node:vm'
v8.setFlagsFromString('--expose-gc')
setInterval(vm.runInNewContext('gc'), 50).unref()`

/** A change of state goes out at once. */
function speak(device: Device): void {
  device.idle()
  device.active()
}

async function handshakes(server: ServerProcess): Promise<number> {
  return Number(/^pilotlight_handshakes_total (\d+)$/m.exec(await server.metrics())?.[1])
}

t.test("the operator's commands, while the server runs", { timeout: HANGS_MS }, async (t) => {
  const offered = await commands()
  const folder = folderOf(t)
  const server = await serverIn(t, join(folder, 'server'), ['--webhooks-to-private'])
  const data = ['--data', server.folder]
  const used = new Set<string>()
  /** Runs a command, which must print one JSON value. */
  const cli = <Value = Record<string, string>>(...words: string[]): Promise<Value> => {
    const [name = ''] = [3, 2, 1]
      .map((count) => words.slice(0, count).join(' '))
      .filter((name) => offered.some((one) => one.name === name))
    used.add(name)
    return json<Value>(t, words)
  }
  interface Keys {
    version: number
    publicKeys: string[]
  }
  const enrol = async (code: string, name: string) => {
    const file = join(folder, `${name}.json`)
    const { deviceId } = await cli(
      'device',
      'enrol',
      '--url',
      server.url,
      '--code',
      code,
      '--name',
      name,
      '--file',
      file,
    )
    t.equal(statSync(file).mode & 0o777, 0o600, 'a secret file')
    return { deviceId: deviceId!, file, credentials: (await loadCredentials(file))! }
  }

  const [{ account, code }, { app, apiKey }] = await Promise.all([
    cli('account', 'add', 'Ada', ...data),
    cli('app', 'add', 'chat', ...data),
  ])
  const phone = await enrol(code!, 'phone')
  const { puid } = await cli('device', 'allow', app!, '--file', phone.file)
  const http = ['--url', server.url, '--api-key', apiKey!]
  t.equal((await cli('presence', puid!, ...http))['state'], 'offline')
  const publicKey = phone.credentials.publicKey
  const storage = new KnownStorage(readFileSync(`${phone.file}.state`), publicKey)
  let { device, handshakeBytes } = await online(t, phone.credentials, storage)
  t.equal(handshakeBytes, null, 'the session of `device allow` goes on')
  const nextRing = (on: Device) => new Promise<string>((resolve) => on.on('ring', (ring) => resolve(ring.accept())))
  const accepted = nextRing(device)
  t.match(await cli('ring', puid!, ...http, '--title', 'Ben calls', '--wait'), { state: 'accepted' })
  t.equal(await accepted, 'accepted')

  const whole = t
  await t.test('keys rotate', async (t) => {
    const first = await cli<Keys>('keys', 'show', ...data)
    const [old] = first.publicKeys
    t.same(first, { version: 1, publicKeys: [old] })
    const more = async () => (await cli('account', 'code', account!, ...data))['code']!
    const tablet = await enrol(await more(), 'tablet')
    const rotated = await cli<Keys>('keys', 'rotate', ...data)
    const [next] = rotated.publicKeys
    t.same(rotated, { version: 2, publicKeys: [next, old] })
    t.same(await cli('keys', 'show', ...data), rotated)
    const seen = talk(t, ['presence', puid!, ...http, '--watch', '--json'], preload(COLLECTING))
    const nextView = async () => JSON.parse((await seen.sees(/.*\n/))[0])
    t.match(await nextView(), { puid, state: 'online' })
    for (const [choice, state] of [['unavailable', 'unavailable'] as const, ['available', 'online'] as const]) {
      await device.setChoice(choice)
      t.match(await nextView(), { puid, state }) // so the stream is open before the server ends
    }
    await server.end('SIGTERM')
    await server.start()

    speak(device)
    await storage.knows(next!)
    t.equal(await handshakes(server), 0, 'the session goes on')
    t.same((await online(t, tablet.credentials)).handshakeBytes, [120, 67], 'enrolled before, handshakes after')
    t.match(await nextView(), { puid, state: 'online', cause: 'restart' })
    seen.kill('SIGINT')
    t.equal(await seen.ended, 0, 'Ctrl-C ends a watch')
    t.equal(seen.stderr, 'the server restarted: unknown until the person is heard\n')
    const watch = await enrol(await more(), 'watch')
    t.same(watch.credentials.serverKeys.map(base64url), [next, old], 'enrolment gives both')

    const again = await cli<Keys>('keys', 'rotate', ...data)
    const [third] = again.publicKeys
    t.same(again, { version: 3, publicKeys: [third, next] }, 'the first key is gone')
    await server.end('SIGTERM')
    await server.start()
    speak(device)
    await storage.knows(third!)
    t.equal(await handshakes(server), 0)
    t.same((await online(t, watch.credentials)).handshakeBytes, [120, 67], 'to the last key')
    await device.close()
    const anew = await online(whole, phone.credentials, new KnownStorage(storage.withoutSession(), publicKey))
    device = anew.device
    t.same(anew.handshakeBytes, [120, 67], 'to the key that it learnt in the channel')
  })

  let key = ''

  await t.test('app show and app change', async (t) => {
    t.match(await cli('app', 'show', app!, ...data), { app, keys: [{ mode: 'live' }] })
    const uri = 'https://chat.example/cb'
    t.match(await cli('app', 'change', app!, '--redirect-uri', uri, ...data), { redirectUris: [uri] })
  })

  await t.test('app webhook', async (t) => {
    const webhook = (verb: string, ...words: string[]) =>
      cli<{ id: string }>('app', 'webhook', verb, app!, ...words, ...data)
    const url = 'http://127.0.0.1:9/hook' // nobody listens on the port of "discard"
    t.match(await webhook('set', '--url', url), { url, secrets: 1, secret: /^whsec_/ })
    t.match(await webhook('rotate'), { secrets: 2, secret: /^whsec_/ })
    t.match(await webhook('show'), { url, secrets: 2, disabled: null })
    const sent = await webhook('test')
    t.match(sent, { state: 'failed', types: ['test'] })
    t.match(await webhook('deliveries'), [{ id: sent.id }])
    t.match(await webhook('replay', sent.id), { state: /^(waiting|failed)$/ })
    await webhook('remove')
  })

  await t.test('app rotate', async (t) => {
    const sees = (apiKey: string) => new AppService({ url: server.url, apiKey }).presence(puid!)
    const second = await cli('app', 'rotate', app!, ...data)
    t.match(second, { app, name: 'chat', apiKeys: 2 })
    for (const one of [apiKey!, second['apiKey']!]) t.match(await sees(one), { puid })
    const third = await cli('app', 'rotate', app!, ...data)
    key = third['apiKey']!
    t.match(await cli<unknown[]>('app', 'list', ...data), [{ app, name: 'chat', apiKeys: 2 }])
    t.equal(new Set([apiKey, second['apiKey'], key]).size, 3)
    await t.rejects(sees(apiKey!), { code: 'unauthorized' }, 'the oldest is dropped')
    for (const one of [second['apiKey']!, key]) t.match(await sees(one), { puid })
  })

  await t.test('lists', async (t) => {
    const other = await cli('account', 'add', 'Bob', ...data)
    t.match(await cli('account', 'list', ...data), [
      { account, name: 'Ada', devices: 3 },
      { account: other['account'], name: 'Bob', devices: 0 },
    ])
    const devices = await cli<{ name: string }[]>('device', 'list', ...data)
    t.same(devices.map(({ name }) => name).sort(), ['phone', 'tablet', 'watch'])
    t.match(devices[0], { device: phone.deviceId, account, hasSession: true })
    t.same(await cli('device', 'list', '--account', other['account']!, ...data), [])
    const { stdout } = await command(t, ['account', 'list', ...data])
    t.match(stdout, /^ACCOUNT +NAME +DEVICES +SINCE\nacc_[0-9a-f]+ +Ada +3 +\d{4}-.*\nacc_[0-9a-f]+ +Bob +0 .*\n$/)
  })

  const file = join(folder, 'backup')
  const copy = new ServerProcess(join(folder, 'copy'))
  copy.url = server.url
  copy.udpPort = server.udpPort
  t.teardown(() => copy.end('SIGKILL'))
  const copyData = ['--data', copy.folder]

  await t.test('backup while it serves, restore elsewhere, serve that', async (t) => {
    t.same(await cli('backup', file, ...data), { file, bytes: statSync(file).size })
    t.equal(statSync(file).mode & 0o777, 0o600, 'it holds every secret')
    await refused(t, ['backup', file, ...data, '--json'], { code: 'PL_BACKUP_EXISTS' })
    await refused(t, ['restore', file, ...data], { code: 'PL_SERVER_RUNNING', message: /Stop it first/ })
    await server.end('SIGKILL')
    t.same(await cli('restore', file, ...copyData), { folder: copy.folder })
    await refused(t, ['restore', file, ...copyData], { code: 'PL_RESTORE_NOT_EMPTY', message: /force/ })
    t.same(await cli('restore', file, ...copyData, '--force'), { folder: copy.folder })
    t.match(
      await cli('account', 'list', ...copyData),
      [{ name: 'Ada', devices: 3 }, { name: 'Bob' }],
      'nobody serves it',
    )
    await copy.start()
    const accepted = nextRing(device)
    speak(device)
    const ring = await new AppService({ url: copy.url, apiKey: key }).ring({ to: puid!, title: 'Ben calls again' })
    t.equal((await ring.outcome()).state, 'accepted', 'device, application, pseudonym and key work as before')
    t.equal(await accepted, 'accepted')
  })

  await t.test('remove', async (t) => {
    const closed = new Promise<{ code: number; willRetry: boolean }>((resolve) => device.on('closed', resolve))
    t.match(await cli('device', 'remove', phone.deviceId, ...copyData), { device: phone.deviceId, name: 'phone' })
    t.match(await closed, { code: 2, willRetry: false }, 'its session ends at once')
    t.same(await cli('account', 'remove', account!, ...copyData), { account, devices: 2 })
    t.match(await cli('app', 'remove', app!, ...copyData), { app, name: 'chat' })
    const sees = new AppService({ url: copy.url, apiKey: key }).presence(puid!)
    await t.rejects(sees, { code: 'unauthorized' }, 'its keys too')
    t.same(await cli('app', 'list', ...copyData), [])
    t.match(await cli<unknown[]>('account', 'list', ...copyData), [{ name: 'Bob' }])
  })

  t.same(
    [...used].sort(),
    offered
      .map(({ name }) => name)
      .filter((name) => !GO_ON.includes(name))
      .sort(),
    'all',
  )
})

/** They go on, and print a line of JSON for each event. */
const GO_ON = ['serve', 'device run']
