/** `--on-ring CMD`: runs a command for each ring. The command is the caller's; nothing of the ring becomes part of it. */
import { spawn } from 'node:child_process'

/** A ring as a command gets it. */
export interface RungFor {
  ring: string
  app: string
  title: string
  body: string
  url: string
  /** Unix ms by this machine's clock */
  untilMs: number
}

/**
 * Runs `commandLine` in the shell, with the ring as JSON on its stdin and in PILOTLIGHT_RING_* variables.
 *
 * @param failed told why the command could not run or how it ended, if not well.
 */
export function runOnRing(commandLine: string, ring: RungFor, failed: (why: string) => void): void {
  const child = spawn(commandLine, {
    shell: true,
    stdio: ['pipe', 'ignore', 'inherit'],
    env: { ...process.env, ...ringVariables(ring) },
  })
  child.once('error', (error) => failed(`--on-ring: ${error.message}`))
  child.once('exit', (code, signal) => {
    if (code !== 0) failed(`--on-ring: the command ended with ${signal ?? `code ${code}`}`)
  })
  child.stdin?.on('error', () => {}) // a command need not read
  child.stdin?.end(`${JSON.stringify(ring)}\n`)
}

/** A variable cannot hold a NUL; an application may send one. */
function ringVariables(ring: RungFor): Record<string, string> {
  const plain = (text: string) => text.replaceAll('\0', '')
  return {
    PILOTLIGHT_RING_ID: ring.ring,
    PILOTLIGHT_RING_APP: ring.app,
    PILOTLIGHT_RING_TITLE: plain(ring.title),
    PILOTLIGHT_RING_BODY: plain(ring.body),
    PILOTLIGHT_RING_URL: plain(ring.url),
    PILOTLIGHT_RING_UNTIL: new Date(ring.untilMs).toISOString(),
  }
}
