import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { command, folderOf, HANGS_MS, json, nextLook, refused, serverIn } from './command.js'
import type { ServerProcess } from './process.js'

/** A small disk of memory in a folder; why there is none, if there cannot be. */
function mountDisk(t: Test, folder: string): string {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'only root may mount a small disk'
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m,mode=0700', 'tmpfs', folder], { stdio: 'ignore' })
  } catch {
    return 'mounting a small disk is not permitted here'
  }
  t.teardown(() => void execFileSync('umount', ['--lazy', folder], { stdio: 'ignore' }))
  return ''
}

/** Takes all room that is left. */
function fill(file: string): void {
  let bytes = statfsSync(join(file, '..')).bavail * 4096
  for (let part = 0; bytes > 0; bytes = Math.floor(bytes / 2), part++) {
    try {
      writeFileSync(`${file}.${part}`, new Uint8Array(bytes))
    } catch {
      // What was written of it stays.
    }
  }
}

/** Asks until readiness has this status. */
async function readiness(server: ServerProcess, status: number): Promise<Response> {
  for (;;) {
    const answer = await fetch(`${server.url}/readyz`)
    if (answer.status === status) return answer
    await answer.arrayBuffer()
    await nextLook()
  }
}

const numberOf = async (server: ServerProcess, name: string): Promise<number> =>
  Number(
    (await server.metrics())
      .split('\n')
      .find((line) => line.startsWith(`${name} `))
      ?.split(' ')[1],
  )

/** Reads a number until it is so: what the main thread counts is read ten times a second at most. */
async function reaches(server: ServerProcess, name: string, value: number): Promise<void> {
  while ((await numberOf(server, name)) !== value) await nextLook()
}

t.test('a full disk: not ready, told, and back by itself', { timeout: HANGS_MS }, async (t) => {
  const disk = join(folderOf(t), 'disk')
  mkdirSync(disk)
  const why = mountDisk(t, disk)
  if (why !== '') return t.comment(`skipped: ${why}`)
  const folder = join(disk, 'var')
  const server = await serverIn(t, folder)
  const data = ['--data', folder]
  const { apiKey } = await json(t, ['app', 'add', 'chat', ...data])
  t.equal((await readiness(server, 200)).status, 200)
  await reaches(server, 'pilotlight_store_writable', 1)

  fill(join(disk, 'filler'))
  const refusal = await readiness(server, 503)
  t.match(await refusal.json(), { code: 'unavailable', detail: 'The store cannot write.' })
  await reaches(server, 'pilotlight_store_writable', 0)
  t.ok((await numberOf(server, 'pilotlight_store_warnings_total{code="PL_STORE_FULL"}')) >= 1)
  await refused(t, ['account', 'add', 'x'.repeat(100), ...data], { code: 'PL_STORE_FULL' })
  t.equal((await fetch(`${server.url}/healthz`)).status, 200, 'it runs')
  const headers = { authorization: `Bearer ${apiKey}` }
  t.equal((await fetch(`${server.url}/v1/presence/p_x`, { headers })).status, 404, 'what needs no disk is answered')

  for (let part = 0; part < 30; part++) rmSync(join(disk, `filler.${part}`), { force: true })
  await readiness(server, 200)
  await reaches(server, 'pilotlight_store_writable', 1)
  t.match(await command(t, ['account', 'add', 'Ada', ...data]), { code: 0 }, 'and stores again')
  await server.end('SIGKILL')
  await server.start()
  t.equal((await readiness(server, 200)).status, 200, 'nothing is broken')
  await server.end('SIGTERM')
})
