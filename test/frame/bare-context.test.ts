import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadBare } from '../support/bare-context.js'
import { ROOT } from '../support/root.js'

t.test('the context is bare', async (t) => {
  const { run } = loadBare('base/bytes.ts')
  for (const name of [
    'Buffer',
    'process',
    'TextEncoder',
    'TextDecoder',
    'URL',
    'setTimeout',
    'crypto',
    'WebAssembly',
    'console',
  ]) {
    t.equal(run(`return typeof ${name}`), 'undefined', name)
  }
  t.throws(() => run("return new Function('return 1')()"), /Code generation/)
})

t.test('every module of base, packet and frame loads where there is only ECMAScript', async (t) => {
  const root = join(ROOT, 'src')
  for (const folder of ['base', 'crypto', 'noise', 'packet', 'frame']) {
    for (const name of readdirSync(join(root, folder)))
      t.doesNotThrow(() => loadBare(`${folder}/${name}`), `${folder}/${name}`)
  }
})

t.test('frames, with cbor-x below them, work there as here', async (t) => {
  const { run, files } = loadBare('frame/frame-codec.ts')
  t.ok(
    files.some((file) => file.endsWith('cbor-x/encode.js')),
    'the build of cbor-x for elsewhere',
  )
  const hex = 'const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");'
  const notify = `{ kind: 'notify', id: 300, ring: new Uint8Array(16), app: new Uint8Array(8), rotation: 7, deadlineMs: 1767225600000,
    title: 'Ü\u{1f600}'.repeat(30), body: '', url: '', payload: new Uint8Array(3) }`
  const bytes = run(`${hex} return hex(m.encodeFrames([{ kind: 'pong', residue: 7 }, ${notify}], 's2d'))`)
  const title = Buffer.from('Ü\u{1f600}'.repeat(30)).toString('hex')
  t.equal(bytes, `078a1119012c50${'00'.repeat(16)}48${'00'.repeat(8)}071b0000019b76daa80078b4${title}606043000000`)
  const back = run(`${hex} const frames = m.decodeFrames(m.encodeFrames([${notify}], 's2d'), 's2d');
    return [frames.length, frames[0].title, frames[0].deadlineMs, hex(frames[0].payload), frames[0].ring.length].join()`)
  t.equal(back, `1,${'Ü\u{1f600}'.repeat(30)},1767225600000,000000,16`)
  t.equal(run("return m.decodeFrames(new Uint8Array([0x3b, 0, 0x1f, 255, 255, 255, 255, 255, 255]), 'd2s')"), null)
  t.equal(run("return m.encodeFrames([{ kind: 'ping', state: 'gone', silenceClass: 15 }], 'd2s')[0]"), 0x37)
})

t.test('byte strings of the host are taken there', async (t) => {
  const { run } = loadBare('frame/frame-codec.ts')
  const encode = run("return (challenge) => m.encodeFrames([{ kind: 'challenge', challenge }], 's2d')") as (
    bytes: Uint8Array,
  ) => Uint8Array
  const decode = run("return (bytes) => m.decodeFrames(bytes, 's2d')") as (bytes: Uint8Array) => { kind: string }[]
  const bytes = encode(new Uint8Array(8).fill(5))
  t.equal(Buffer.from(bytes).toString('hex'), '8202480505050505050505')
  t.equal(decode(Uint8Array.from(bytes))[0]?.kind, 'challenge')
})
