import t from 'tap'
import { hex, readU32 } from '../../src/base/bytes.js'
import { Flag } from '../../src/packet/constants.js'
import { serverBootOf } from '../../src/session/keys.js'
import { Offset, SessionFlag } from '../../src/session/record.js'
import { confirmNumber, noteAsk, plaintextBytesMax } from '../../src/session/sender.js'
import { BOOT, End, LONG, linked } from './linked.js'

t.test('[R-5.1-3] the common ping is 24 B, the common pong 19 B', async (t) => {
  const { server, device } = linked()
  confirmNumber(device.view, device.view.sendNumber - 1)
  confirmNumber(server.view, server.view.sendNumber - 1)
  const ping = device.seal({ ask: true })
  t.equal(ping.length, 24)
  t.equal(ping[0]! & ~Flag.grease, 0x88)
  const pong = server.seal()
  t.equal(pong.length, 19)
  t.equal(pong[0]! & ~Flag.grease, 0x80)
})

t.test('[R-5.1-2] GREASE is drawn for each packet', async (t) => {
  const { server, device } = linked()
  for (const end of [server, device]) {
    const seen = new Set(Array.from({ length: 120 }, () => end.seal()[0]! & Flag.grease))
    t.same(
      [...seen].sort((a, b) => a - b),
      [0, 1, 2, 3, 16, 17, 18, 19],
    )
  }
})

t.test('[R-5.4-1] the first packet is LONG, each packet adds 1, no number comes twice', async (t) => {
  for (const end of Object.values(linked())) {
    const start = end.view.sendNumber
    const at = end.role === 'device' ? 6 : 1
    for (let i = 0; i < 100; i++) {
      const datagram = end.seal()
      t.equal(end.sender.number, start + i)
      t.equal(datagram[0]! & LONG, LONG)
      t.equal(readU32(datagram, at), (start + i) % 2 ** 32)
    }
    t.equal(end.view.sendNumber, start + 100)
  }
})

t.test('[R-5.4-2] one byte only below 64 above what the peer has opened', async (t) => {
  for (const end of Object.values(linked())) {
    const confirmed = end.view.sendNumber - 1
    confirmNumber(end.view, confirmed)
    for (let distance = 1; distance < 70; distance++) {
      const isLong = (end.seal()[0]! & LONG) !== 0
      t.equal(isLong, distance >= 64, `${end.role} at ${distance}`)
    }
    confirmNumber(end.view, end.sender.number)
    t.equal(end.seal()[0]! & LONG, 0)
  }
})

t.test('[R-5.4-3] what is confirmed never goes down', async (t) => {
  const { device } = linked()
  const { view } = device
  const next = view.sendNumber
  confirmNumber(view, next - 5)
  confirmNumber(view, next - 6)
  t.equal(view.confirmedNumber, next - 5)
  view.sendNumber += 250
  t.equal(view.confirmedNumber, next - 5)
  view.sendNumber++
  t.equal(view.confirmedNumber, -1, 'too far back to matter: all packets are LONG until another is confirmed')
  confirmNumber(view, next - 5)
  t.equal(view.confirmedNumber, -1)
})

t.test('[R-5.4-3] an ask without BOOT confirms the first answer to the ask before', async (t) => {
  const { server } = linked()
  const { view } = server
  server.seal()
  t.equal(view.answerNumber, -1, 'no answer, no claim')
  noteAsk(view, false)
  t.equal(view.confirmedNumber, -1)
  server.seal({ answers: true })
  const first = server.sender.number
  server.seal({ answers: true })
  server.seal()
  t.equal(view.answerNumber, first)
  noteAsk(view, false)
  t.equal(view.confirmedNumber, first)
  t.equal(view.answerNumber, -1)
  server.seal({ answers: true })
  noteAsk(view, true)
  t.equal(view.confirmedNumber, first, 'with BOOT it says nothing')
  t.equal(view.answerNumber, -1, 'and the answer before is forgotten')
  noteAsk(view, false)
  t.equal(view.confirmedNumber, first)
})

t.test('[R-5.3-2] a repeated ask of a device carries BOOT and LONG, and makes D its boot value', async (t) => {
  const { device } = linked()
  confirmNumber(device.view, device.view.sendNumber - 1)
  const ping = device.seal({ ask: true })
  t.equal(ping[0]! & (BOOT | LONG), 0)
  const retry = device.seal({ ask: true, retry: true })
  t.equal(retry[0]! & (BOOT | LONG), BOOT | LONG)
  t.equal(hex(retry.subarray(6, 18)), hex(device.boot))
  t.same(device.view.read(Offset.deviceBoot, new Uint8Array(12)), device.boot)
  t.equal(retry.length, 39)
})

t.test('[R-5.3-1] a device sets BOOT on every packet until the server was heard under this D', async (t) => {
  const { device } = linked()
  device.seal({ ask: true, retry: true })
  t.equal(device.seal()[0]! & (BOOT | LONG), BOOT | LONG)
  device.view.lower(SessionFlag.bootPending)
  confirmNumber(device.view, device.sender.number)
  t.equal(device.seal()[0]! & (BOOT | LONG), 0)
  t.equal(device.seal({ retry: true })[0]! & BOOT, 0, 'a packet that does not ask is no retry')
  const again = device.seal({ ask: true, retry: true })
  t.equal(again[0]! & (BOOT | LONG), BOOT | LONG, 'later retries carry it too')
})

t.test('[R-5.3-5] a server sends BOOT while it is pending, and S becomes its boot value', async (t) => {
  const { server } = linked()
  server.seal()
  const before = server.view.snapshot()
  t.equal(server.seal()[0]! & BOOT, 0)
  server.view.raise(SessionFlag.bootPending)
  const datagram = server.seal()
  t.equal(datagram[0]! & (BOOT | LONG), BOOT | LONG)
  t.equal(hex(datagram.subarray(1, 13)), hex(server.boot))
  t.same(serverBootOf(server.view, server.context), server.boot)
  t.not(hex(server.view.read(Offset.sendKey, new Uint8Array(32))), hex(before.subarray(64, 96)))
  const { number } = server.sender
  server.seal()
  t.equal(server.sender.number, number + 1, 'the key changes once')
  server.view.lower(SessionFlag.bootPending)
  t.equal(server.seal()[0]! & BOOT, 0)
})

t.test('[R-5.3-5] a server sends BOOT on an unconfirmed session, always LONG', async (t) => {
  const { server } = linked()
  server.view.lower(SessionFlag.confirmed)
  for (let i = 0; i < 3; i++) {
    t.equal(server.seal()[0]! & (BOOT | LONG), BOOT | LONG)
    confirmNumber(server.view, server.sender.number)
  }
})

t.test('[R-5.4-5] a skip is from 2^16 to 2^32 - 2^17, once, and LONG', async (t) => {
  const { device } = linked()
  const skips: number[] = []
  for (let i = 0; i < 300; i++) {
    confirmNumber(device.view, device.view.sendNumber - 1)
    device.seal()
    const last = device.sender.number
    device.view.raise(SessionFlag.skipPending)
    t.equal(device.seal()[0]! & LONG, LONG)
    skips.push(device.sender.number - last)
    device.seal()
    t.equal(device.sender.number, last + skips.at(-1)! + 1)
  }
  // From the last number to the next; `skipNumber` counts from the one that would have been next.
  t.ok(Math.min(...skips) > 2 ** 16)
  t.ok(Math.max(...skips) <= 2 ** 32 - 2 ** 17 + 1)
  t.equal(new Set(skips).size, 300)
})

t.test('the last number is 2^48 - 1, then there is none', async (t) => {
  const { device } = linked()
  device.view.sendNumber = 2 ** 48 - 1
  t.ok(device.seal())
  t.equal(device.sender.number, 2 ** 48 - 1)
  t.equal(device.seal(), null)
  t.equal(device.sender.number, 2 ** 48 - 1)
})

t.test('a padded packet has one of four lengths', async (t) => {
  const { server } = linked()
  t.equal(server.seal({ plaintext: new Uint8Array(60), padded: true }).length, 128)
  t.equal(server.seal({ plaintext: new Uint8Array(107), padded: true }).length, 128)
  t.equal(server.seal({ plaintext: new Uint8Array(108), padded: true }).length, 256)
  t.equal(server.seal({ plaintext: new Uint8Array(60), padded: false }).length, 81)
})

t.test('[R-3-2] what fits by `plaintextBytesMax` fits with any header, and no more is sealed', async (t) => {
  t.equal(plaintextBytesMax('server'), 1200 - 17 - 16)
  t.equal(plaintextBytesMax('device'), 1200 - 22 - 16)
  const { server, device } = linked()
  server.view.lower(SessionFlag.confirmed)
  t.equal(server.seal({ plaintext: new Uint8Array(1167) }).length, 1200)
  t.throws(() => server.seal({ plaintext: new Uint8Array(1168) }), /bug/)
  t.equal(device.seal({ plaintext: new Uint8Array(1162), ask: true, retry: true }).length, 1200)
  t.throws(() => device.seal({ plaintext: new Uint8Array(1163), ask: true, retry: true }), /bug/)
})

t.test('a device names its connection ID, a server none', async (t) => {
  const { device } = linked()
  device.view.write(Offset.cid, Uint8Array.of(1, 2, 3, 4, 5))
  t.equal(hex(device.seal().subarray(1, 6)), '0102030405')
  t.equal(new End('server', 1).sender.number, -1, 'nothing sealed yet')
})
