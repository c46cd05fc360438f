/** The main thread's end of the WebSockets. */
import t from 'tap'
import { limitKey } from '../../src/base/address.js'
import { hex } from '../../src/base/bytes.js'
import { connectionOf, isConnectionAddress } from '../../src/base/connection-address.js'
import { SeededRandom } from '../../src/base/seeded-random.js'
import { nobleCrypto } from '../../src/crypto/noble.js'
import { ChannelDesk } from '../../src/io/channel-desk.js'
import { ChannelPipe, readChannelBatch } from '../../src/sidecar/channel/channel-pipe.js'
import type { ToSidecar } from '../../src/sidecar/message.js'

function batchOf(connection: number, ...datagrams: number[][]): Uint8Array {
  let batch: Uint8Array = new Uint8Array()
  let flush = (): void => {}
  const pipe = new ChannelPipe(
    (whole) => (batch = whole),
    (run) => (flush = run),
  )
  for (const datagram of datagrams) pipe.push(connection, new Uint8Array(datagram))
  flush()
  return batch
}

function fixture() {
  const came: { bytes: number[]; remote: Uint8Array }[] = []
  const closed: string[] = []
  const posted: ToSidecar[] = []
  const desk = new ChannelDesk({
    crypto: nobleCrypto,
    random: new SeededRandom('desk'),
    onDatagram: (bytes, remote) => came.push({ bytes: [...bytes], remote: remote.slice() }),
    onClosed: (remote) => closed.push(hex(remote)),
  })
  let settle = (): void => {}
  desk.start((message) => {
    posted.push(message)
    if (message.kind === 'datagrams') settle()
  })
  const nextBatch = () => new Promise<void>((resolve) => (settle = resolve))
  return { desk, came, closed, posted, nextBatch }
}

t.test('datagrams get the address of their connection, answers go back by it', async (t) => {
  const { desk, came, posted, nextBatch } = fixture()
  desk.take({ kind: 'channel-open', connection: 7, client: '192.0.2.1' })
  desk.take({ kind: 'channel-open', connection: 8, client: '192.0.2.1' })
  desk.take({ kind: 'channel-open', connection: 9, client: '2001:db8:0:1::/64' })
  for (const connection of [7, 8, 9]) desk.take({ kind: 'datagrams', batch: batchOf(connection, [connection]) })
  t.same(
    came.map(({ bytes, remote }) => [bytes, connectionOf(remote), isConnectionAddress(remote)]),
    [7, 8, 9].map((number) => [[number], number, true]),
  )
  const [seven, eight, nine] = came.map(({ remote }) => limitKey(remote))
  t.equal(seven, eight)
  t.not(seven, nine)
  t.same(posted, Array(3).fill({ kind: 'datagrams-taken', count: 1 }))
  const batch = nextBatch()
  desk.send(new Uint8Array([1, 2]), came[1]!.remote)
  await batch
  const last = posted.at(-1)
  const sent: unknown[] = []
  if (last?.kind === 'datagrams') readChannelBatch(last.batch, (number, bytes) => sent.push([number, [...bytes]]))
  t.same(sent, [[8, [1, 2]]])
})

t.test('a closed connection is told, and again when something is sent to it', async (t) => {
  const { desk, came, closed } = fixture()
  desk.take({ kind: 'channel-open', connection: 7, client: '192.0.2.1' })
  desk.take({ kind: 'datagrams', batch: batchOf(7, [1]) })
  const { remote } = came[0]!
  desk.take({ kind: 'channel-closed', connection: 7 })
  t.same(closed, [hex(remote)])
  desk.send(new Uint8Array(20), remote)
  t.same(closed, [hex(remote), hex(remote)])
  t.equal(desk.counts.closed, 1)
  desk.take({ kind: 'channel-closed', connection: 7 })
  desk.take({ kind: 'datagrams', batch: batchOf(7, [1]) })
  t.equal(closed.length, 2)
  t.equal(came.length, 1, 'nothing comes from a connection that is not open')
})

t.test('the sidecar is asked to close a connection that was left, not one that is closed', async (t) => {
  const { desk, came, posted } = fixture()
  desk.take({ kind: 'channel-open', connection: 7, client: '192.0.2.1' })
  desk.take({ kind: 'datagrams', batch: batchOf(7, [1]) })
  const { remote } = came[0]!
  desk.close(remote)
  t.same(posted.at(-1), { kind: 'channel-left', connection: 7 })
  desk.take({ kind: 'channel-closed', connection: 7 })
  desk.close(remote)
  t.equal(posted.length, 2)
})

t.test('the sidecar breaks: all connections are closed, and the next one starts with an empty pipe', async (t) => {
  const { desk, came, closed } = fixture()
  for (const connection of [1, 2, 3]) {
    desk.take({ kind: 'channel-open', connection, client: 'a' })
    desk.take({ kind: 'datagrams', batch: batchOf(connection, [connection]) })
  }
  desk.crashed()
  t.equal(closed.length, 3)
  desk.send(new Uint8Array(20), came[0]!.remote)
  t.equal(closed.length, 4)
  const posted: ToSidecar[] = []
  desk.start((message) => posted.push(message))
  desk.take({ kind: 'channel-open', connection: 4, client: 'a' })
  desk.take({ kind: 'datagrams', batch: batchOf(4, [4]) })
  t.equal(came.length, 4)
})

t.test('a sidecar that is behind costs datagrams, not memory', async (t) => {
  const { desk, came, posted } = fixture()
  desk.take({ kind: 'channel-open', connection: 1, client: 'a' })
  desk.take({ kind: 'datagrams', batch: batchOf(1, [1]) })
  const { remote } = came[0]!
  for (let i = 0; i < 5000; i++) desk.send(new Uint8Array(1200), remote)
  t.equal(desk.counts.overload, 5000 - 2048)
  const bytes = posted.reduce((sum, message) => sum + (message.kind === 'datagrams' ? message.batch.length : 0), 0)
  t.ok(bytes <= 2048 * 1208)
  desk.take({ kind: 'datagrams-taken', count: 1000 })
  desk.send(new Uint8Array(1200), remote)
  t.equal(desk.counts.overload, 5000 - 2048)
})
