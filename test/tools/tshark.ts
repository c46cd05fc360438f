/** tshark with the dissector of this repository, in a home folder of its own. */
import { execFileSync, spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../support/root.js'

const DISSECTOR = join(ROOT, 'tools/wireshark/pilotlight.lua')

/** Why it cannot be used, or null. */
export function tsharkMissing(): string | null {
  const { error, stdout } = spawnSync('tshark', ['--version'], { encoding: 'utf8' })
  if (error !== undefined) return 'tshark is not installed'
  return /with Lua/.test(stdout) ? null : 'tshark has no Lua'
}

export class Tshark {
  readonly #folder: string
  #files = 0

  /** @param folder for captures and settings. */
  constructor(folder: string) {
    this.#folder = folder
  }

  /** What tshark prints of a capture, lines; what the dissector does wrong is thrown. */
  lines(capture: Uint8Array, words: readonly string[], keyLog: string | null = null): string[] {
    const file = join(this.#folder, `capture-${++this.#files}.pcap`)
    writeFileSync(file, capture)
    const settings: string[] = []
    if (keyLog !== null) {
      const keys = join(this.#folder, `keys-${this.#files}`)
      writeFileSync(keys, keyLog)
      settings.push('-o', `pilotlight.keylog:${keys}`)
    }
    const all = ['-X', `lua_script:${DISSECTOR}`, ...settings, '-r', file, ...words]
    const env = { ...process.env, HOME: this.#folder, XDG_CONFIG_HOME: this.#folder }
    const text = execFileSync('tshark', all, {
      encoding: 'utf8',
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 2 ** 28,
    })
    if (/Lua Error|lua error|\[string /.test(text)) throw new Error(text.slice(0, 2000))
    return text.split('\n').filter((line) => line !== '')
  }

  /** Chosen fields of each packet; those that come several times are joined by `,`. */
  fields(capture: Uint8Array, names: readonly string[], keyLog: string | null = null, words: readonly string[] = []) {
    const chosen = names.flatMap((name) => ['-e', name])
    const lines = this.lines(capture, ['-T', 'fields', '-E', 'separator=|', ...chosen, ...words], keyLog)
    return lines.map((line) => {
      const values = line.split('|')
      return Object.fromEntries(names.map((name, at) => [name, values[at] ?? '']))
    })
  }
}
