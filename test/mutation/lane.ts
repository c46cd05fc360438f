import { spawn } from 'node:child_process'
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { type Mutation, mutate } from './mutation.js'

/** A test that runs longer with a mutation than this loops, ms: the slowest takes 4 s without one, more on a busy machine. */
const TEST_TIMEOUT_MS = 60_000

/** A mutation, and the source file that it is in, from the root. */
export interface Drawn extends Mutation {
  file: string
}

/** A copy of the built code, in which one mutation at a time is tried. */
export class Lane {
  readonly #folder: string

  /** @param clean the built code without a mutation, which is copied. */
  constructor(clean: string, folder: string) {
    rmSync(folder, { recursive: true, force: true })
    cpSync(clean, folder, { recursive: true })
    this.#folder = folder
  }

  /**
   * The first of some test files that fails with the mutation in place, or null.
   *
   * @param tests built test files, from the root.
   * @param broken gets those that fail without the mutation too: they say nothing.
   */
  async killer(mutation: Drawn, tests: readonly string[], broken: Set<string>): Promise<string | null> {
    const built = join(this.#folder, builtName(mutation.file))
    const clean = readFileSync(built, 'utf8')
    const mutant = transpile(mutate(readFileSync(mutation.file, 'utf8'), mutation))
    try {
      for (const test of tests) {
        writeFileSync(built, mutant)
        if (broken.has(test) || (await this.#passes(test))) continue
        writeFileSync(built, clean)
        if (await this.#passes(test)) return test
        broken.add(test)
      }
      return null
    } finally {
      writeFileSync(built, clean)
    }
  }

  /** Runs a test file up to its first failure. */
  #passes(test: string): Promise<boolean> {
    const options = { env: { ...process.env, TAP_BAIL: '1' }, stdio: 'ignore', killSignal: 'SIGKILL' } as const
    const child = spawn('node', [join(this.#folder, test)], { ...options, timeout: TEST_TIMEOUT_MS })
    return new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('exit', (code) => resolve(code === 0))
    })
  }
}

/** Name of a built file, by that of its source. */
export function builtName(source: string): string {
  return source.replace(/\.ts$/, '.js')
}

function transpile(text: string): string {
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true },
  })
  return outputText
}
