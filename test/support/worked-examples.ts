import { hex } from '../../src/base/bytes.js'
import { keyPair } from '../../src/crypto/key-pair.js'
import { nobleCrypto as crypto } from '../../src/crypto/noble.js'
import { mac1Key, mac1Of } from '../../src/packet/handshake.js'
import { STEPS } from './step-example.js'
import {
  DEVICE_BOOT,
  DEVICE_PLACE,
  type ExamplePacket,
  HANDSHAKE,
  ID_KEY,
  PACKETS,
  RESET_KEY,
  SERVER_BOOT,
  STAMP_MS,
} from './wire-example.js'

/** Section 15 of wire-spec, between its markers. */
export function workedExamples(): string {
  const { input, trace } = HANDSHAKE
  const publicKey = (secret: Uint8Array) => keyPair(crypto, secret).publicKey
  const lines: string[] = []
  const row = (name: string, value: Uint8Array | string | number): void => {
    const text = value instanceof Uint8Array ? hex(value) : String(value)
    const pieces = text.match(/.{1,96}/g) ?? ['(empty)']
    lines.push(`${name.padEnd(24)}${pieces[0]}`, ...pieces.slice(1).map((piece) => ' '.repeat(24) + piece))
  }
  const block = (title: string, fill: () => void): void => {
    lines.push(`### ${title}`, '', '```text')
    fill()
    lines.push('```', '')
  }
  block('15.1 What is given', () => {
    for (const [name, secret] of [
      ['device static', input.deviceStatic],
      ['device ephemeral', input.deviceEphemeral],
      ['server static', input.serverStatic],
      ['server ephemeral', input.serverEphemeral],
    ] as const) {
      row(name, secret)
      row('  public', publicKey(secret))
    }
    row('psk', input.psk)
    row('stamp', STAMP_MS)
    row('ID key', ID_KEY)
    row('reset key', RESET_KEY)
    row('node, slot, rotation', Object.values(DEVICE_PLACE).join(', '))
    row('device boot value', DEVICE_BOOT)
    row('server boot value', SERVER_BOOT)
  })
  block('15.2 Handshake', () => {
    row('payload 1', input.payload1)
    for (const { step, h, ck, k } of trace.steps) {
      lines.push(step)
      row('  h', h)
      row('  ck', ck)
      if (k !== null) row('  k', k)
      if (step === 'message 1: payload') {
        row('mac1 key', mac1Key(crypto, publicKey(input.serverStatic)))
        row('mac1', mac1Of(HANDSHAKE.message1))
        row('message 1, 120 B', HANDSHAKE.message1)
        row('connection ID', HANDSHAKE.cid)
        row('reset token', HANDSHAKE.token)
        row('payload 2', input.payload2)
      }
    }
    row('message 2, 67 B', HANDSHAKE.message2)
    row('root', trace.root)
  })
  const packets = (list: readonly ExamplePacket[]): void => {
    list.forEach(({ title, direction, key, number, nonce, header, plaintext, datagram }, i) => {
      if (i > 0) lines.push('')
      lines.push(`${title} (${direction})`)
      row('  key', key)
      row('  packet number', `${number} = 0x${number.toString(16)}`)
      row('  nonce', nonce)
      row('  header', header)
      row('  plaintext', plaintext)
      row(`  datagram, ${datagram.length} B`, datagram)
    })
  }
  block('15.3 Channel packets', () => packets(PACKETS))
  block('15.4 Key steps', () => {
    row('root of epoch 0', STEPS.root)
    row('device key of the step', STEPS.deviceKeys.secretKey)
    row('  public', STEPS.deviceKeys.publicKey)
    row('server key of the step', STEPS.serverKeys.secretKey)
    row('  public', STEPS.serverKeys.publicKey)
    row('shared secret', STEPS.shared)
    row('T1', STEPS.mixed)
    row('root of epoch 1', STEPS.first)
    row('root of epoch 2', STEPS.second)
    lines.push('')
    packets(STEPS.packets)
  })
  return lines.join('\n').trimEnd()
}
