import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import t from 'tap'
import ts from 'typescript'
import { ROOT } from '../support/root.js'
import { runProcess } from '../support/run-process.js'

const CLI = join(ROOT, 'dist/cli/main.js')
const EXAMPLES = readdirSync(join(ROOT, 'examples')).filter((name) => name.endsWith('.ts'))

/** Lines of a child's output, awaited by what they start with. */
function lines(child: ChildProcess): (start: string) => Promise<string> {
  const reader = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  return async (start) => {
    for (;;) {
      const { value, done } = await reader.next()
      if (done === true) throw new Error(`the output ended before "${start}"`)
      if (value.startsWith(start)) return value
    }
  }
}

t.test('README shows the examples as they are', async (t) => {
  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
  for (const name of EXAMPLES) {
    const shown = new RegExp(`<!-- example: examples/${name} -->\\n\`\`\`ts\\n([\\s\\S]*?)\`\`\``).exec(readme)?.[1]
    t.equal(shown, readFileSync(join(ROOT, 'examples', name), 'utf8'), name)
  }
})

t.test('the smallest device and the smallest AppService meet', async (t) => {
  // Inside the package, so that its own name resolves to its exports.
  const folder = join(ROOT, '.tap', `examples-${process.pid}`)
  mkdirSync(folder, { recursive: true })
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  for (const name of EXAMPLES) {
    const { outputText } = ts.transpileModule(readFileSync(join(ROOT, 'examples', name), 'utf8'), {
      compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext },
    })
    writeFileSync(join(folder, name.replace(/\.ts$/, '.mjs')), outputText)
  }
  const data = ['--data', join(folder, 'server')]
  const options = ['--host', '127.0.0.1', '--udp-port', '0', '--http-port', '0', '--json', '--log-level', 'error']
  const server = spawn('node', [CLI, 'serve', ...data, ...options], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => server.kill('SIGKILL'))
  const { http } = JSON.parse(await lines(server)('{'))
  const url = http[0]
  const pilotlight = async (...words: string[]): Promise<Record<string, string>> =>
    JSON.parse((await runProcess('node', [CLI, ...words, ...data, '--json'])).stdout)
  const { code } = await pilotlight('account', 'add', 'Ada')
  const { app, apiKey } = await pilotlight('app', 'add', 'chat')

  const device = spawn('node', [join(folder, 'device.mjs'), url, code!, app!], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => device.kill('SIGKILL'))
  const deviceLine = lines(device)
  const puid = (await deviceLine('PUID: ')).slice('PUID: '.length)
  const { stdout } = await runProcess('node', [join(folder, 'appservice.mjs'), url, apiKey!, puid])
  t.equal(stdout, 'the person is online\nthe ring was accepted\n')
  t.equal(await deviceLine('rings'), 'rings: Ben calls')
  t.equal(await deviceLine('ended'), 'ended: accepted')
})
