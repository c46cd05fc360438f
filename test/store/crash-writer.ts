/**
 * Writes without end and prints each thing once the store has confirmed it. Run by crash.test.ts as a process of its
 * own, to be killed in the middle.
 */
import { openStore } from '../../src/store/open.js'
import { bytes, FAR_MS, NOW } from './folder.js'

const [folder = '', round = ''] = process.argv.slice(2)
const store = await openStore({ folder, crypto: 'noble' })
await store.boot(NOW)
/** Waits for a slow reader, unlike `writeSync`. */
const say = (...words: unknown[]): void => void process.stdout.write(`${words.join(' ')}\n`)
say('lock', process.pid)

async function accounts(): Promise<never> {
  for (let i = 0; ; i++) {
    const { account, person } = await store.addAccount(`${round} ${i}`, NOW)
    say('account', account)
    const reply = await store.hub({
      kind: 'put-list',
      request: 1,
      person,
      base: 0,
      version: 7,
      sealed: bytes(1024, i),
      clockSeconds: 0,
    })
    if (reply?.kind === 'stored' && reply.ok) say('list', account)
  }
}

async function sessions(chain: number): Promise<never> {
  const { account } = await store.addAccount(`${round} owner ${chain}`, NOW)
  const code = (await store.addEnrolmentCode(account, NOW, 60_000)) ?? ''
  const publicKey = Uint8Array.from([...bytes(30, chain), Number(round), chain])
  const enrolment = await store.enrol(code, publicKey, 'phone', NOW)
  if (typeof enrolment === 'string') throw new Error(enrolment)
  const { device, deviceId } = enrolment
  for (let n = 1; ; n++) {
    void store.endpoint({ kind: 'save-session', device, rotation: 1, session: new Uint8Array(200) })
    const session = new Uint8Array(new Float64Array(30).fill(n).buffer)
    const reply = await store.endpoint({ kind: 'commit-session', request: n, device, stampMs: n, rotation: 2, session })
    if (reply?.kind === 'committed' && reply.ok) say('session', deviceId, n)
  }
}

async function rings(chain: number): Promise<never> {
  for (let n = 0; ; n++) {
    const ring = Uint8Array.from([Number(round), chain, n >> 16, n >> 8, n, ...new Uint8Array(11)])
    const reply = await store.hub({ kind: 'put-ring', request: n, ring, untilMs: FAR_MS, row: bytes(600, n) })
    if (reply?.kind === 'stored' && reply.ok) say('ring', Buffer.from(ring).toString('hex'))
  }
}

await Promise.race([accounts(), sessions(1), sessions(2), sessions(3), rings(1), rings(2)])
