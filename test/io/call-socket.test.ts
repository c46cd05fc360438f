import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join, relative } from 'node:path'
import t from 'tap'
import { CallError, connectCalls, serveCalls } from '../../src/io/call-socket.js'
import { folderOf } from '../e2e/command.js'

t.test('calls, errors and lines told', async (t) => {
  const file = join(folderOf(t), 's.sock')
  const listener = await serveCalls(file, (caller) => ({
    add: async ({ a, b }) => Number(a) + Number(b),
    nothing: async () => undefined,
    fail: async () => Promise.reject(new CallError('too-bad', 'it failed', 'do better')),
    crash: async () => Promise.reject(new Error('secret details')),
    tell: async ({ what }) => caller.tell({ event: what }),
  }))
  t.equal(statSync(file).mode & 0o777, 0o600)
  const told: unknown[] = []
  const client = await connectCalls(file, (value) => told.push(value))
  if (client === null) throw new Error('nobody listens')
  t.equal(await client.call('add', { a: 2, b: 3 }), 5)
  t.equal(await client.call('nothing'), null)
  await t.rejects(client.call('fail'), { code: 'too-bad', message: 'it failed', hint: 'do better' })
  await t.rejects(client.call('crash'), { code: 'PL_INTERNAL' })
  await t.rejects(client.call('constructor'), { code: 'PL_UNKNOWN_METHOD' })
  await client.call('tell', { what: 'x' })
  t.same(told, [{ event: 'x' }])
  const waiting = client.call('add')
  await listener.close()
  await t.rejects(waiting, { code: 'PL_CONNECTION_LOST' })
  await t.rejects(client.call('add'), { code: 'PL_CONNECTION_LOST' })
  t.equal(await connectCalls(file), null)
})

t.test('no call, and no end', async (t) => {
  const file = join(folderOf(t), 's.sock')
  const listener = await serveCalls(file, () => ({}))
  t.teardown(() => listener.close())
  const socket = connect(file)
  socket.write('nonsense\n[1]\n\n')
  const [chunk] = (await once(socket, 'data')) as [Buffer]
  t.match(chunk.toString(), /PL_UNKNOWN_METHOD/)
  socket.on('error', () => {})
  socket.resume()
  socket.write('x'.repeat(1_000_000))
  await new Promise((resolve) => socket.once('close', resolve))
})

t.test('one listener only, and a dead one is replaced', async (t) => {
  const file = join(folderOf(t), 's.sock')
  const listener = await serveCalls(file, () => ({}))
  await t.rejects(
    serveCalls(file, () => ({})),
    { code: 'PL_SOCKET_TAKEN' },
  )
  await listener.close()
  // The relative path: the system cuts a socket's path at 107 bytes, and the checkout may lie deep.
  const script = `require('net').createServer().listen(${JSON.stringify(relative('', file))}, () => console.log('up'))`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout!, 'data')
  child.kill('SIGKILL')
  await once(child, 'exit')
  t.ok(statSync(file), 'the killed process left its socket')
  const next = await serveCalls(file, () => ({}))
  await next.close()
})

t.test('a path that cannot be a socket', async (t) => {
  const folder = t.testdir()
  await t.rejects(
    serveCalls(join(folder, 'x'.repeat(120)), () => ({})),
    { code: 'PL_SOCKET_PATH' },
  )
  await t.rejects(
    serveCalls(join(folder, 'missing', 's'), () => ({})),
    { code: /ENOENT|EACCES/ },
  )
  const plain = join(folder, 'plain')
  writeFileSync(plain, 'x')
  t.equal(await connectCalls(plain), null)
})
