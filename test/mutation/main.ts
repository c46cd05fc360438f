/**
 * `npm run mutate -- [--seed N] [--count 20]`: draws mutations from packet, session and ring code, runs the tests that must
 * notice, and prints the survivors. A survivor that `survivors.json` does not explain is a failure.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import ts from 'typescript'
import { SeededRandom } from '../../src/base/seeded-random.js'
import { type Mutation, mutate, mutationsOf } from './mutation.js'

/** Folder that `tsc -p test/mutation` writes to; this program runs from there. */
const BUILD = 'build-mutation'
const FOLDERS = ['src/packet', 'src/session', 'src/ring']
/** Tests that must notice, nearest first. */
const TESTS: Record<string, string[]> = {
  'src/packet': ['test/packet', 'test/session', 'test/endpoint', 'test/client'],
  'src/session': ['test/session', 'test/endpoint', 'test/client'],
  'src/ring': ['test/ring', 'test/hub'],
}
const TEST_TIMEOUT_MS = 60_000
/** Tests that were seen to pass without a mutation: only these can kill one. */
const passing = new Set<string>()

interface Drawn extends Mutation {
  file: string
}
interface Explained {
  file: string
  original: string
  kind: string
  why: string
}

const { values } = parseArgs({
  options: { seed: { type: 'string', default: '1' }, count: { type: 'string', default: '20' } },
})
process.exitCode = run(Number(values.seed), Number(values.count))

function run(seed: number, count: number): number {
  const all: Explained[] = JSON.parse(readFileSync('test/mutation/survivors.json', 'utf8'))
  const open: Drawn[] = []
  let explained = 0
  for (const [index, mutation] of draw(seed, count).entries()) {
    const why = all.find(
      (e) => e.file === mutation.file && e.kind === mutation.kind && e.original === mutation.original,
    )
    const killedBy = why === undefined ? killer(mutation) : null
    const verdict =
      why !== undefined ? `explained: ${why.why}` : killedBy === null ? 'SURVIVED' : `killed by ${killedBy}`
    console.log(`${index + 1}/${count} ${mutation.file}:${mutation.line} ${mutation.kind}: ${verdict}`)
    if (why !== undefined) explained++
    else if (killedBy === null) open.push(mutation)
  }
  for (const one of open) {
    console.log(`survivor ${one.file}:${one.line} ${one.kind}\n  ${one.original}\n  -> ${one.replacement}`)
  }
  console.log(`seed ${seed}: ${count - explained - open.length} killed, ${explained} explained, ${open.length} open`)
  return open.length === 0 ? 0 : 1
}

function draw(seed: number, count: number): Drawn[] {
  const all = FOLDERS.flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.ts'))
      .flatMap((name) => {
        const file = join(folder, name)
        return mutationsOf(file, readFileSync(file, 'utf8')).map((mutation) => ({ ...mutation, file }))
      }),
  )
  const random = new SeededRandom(seed)
  const drawn: Drawn[] = []
  while (drawn.length < count && all.length > 0) drawn.push(...all.splice(random.int(all.length), 1))
  return drawn
}

/** The first test file that fails with the mutation in place, or null. */
function killer(mutation: Drawn): string | null {
  const text = readFileSync(mutation.file, 'utf8')
  const built = join(BUILD, mutation.file.replace(/\.ts$/, '.js'))
  const clean = readFileSync(built, 'utf8')
  writeFileSync(built, transpile(mutate(text, mutation)))
  try {
    const folder = FOLDERS.find((one) => mutation.file.startsWith(one))!
    for (const test of TESTS[folder]!.flatMap(testsIn)) {
      if (passes(test)) continue
      writeFileSync(built, clean)
      if (!passing.has(test) && !passes(test)) throw new Error(`${test} fails without a mutation`)
      passing.add(test)
      return relative(BUILD, test)
    }
    return null
  } finally {
    writeFileSync(built, clean)
  }
}

function passes(test: string): boolean {
  return spawnSync('node', [test], { timeout: TEST_TIMEOUT_MS, stdio: 'ignore', killSignal: 'SIGKILL' }).status === 0
}

function testsIn(folder: string): string[] {
  const built = join(BUILD, folder)
  return readdirSync(built)
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => join(built, name))
}

function transpile(text: string): string {
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext, verbatimModuleSyntax: true },
  })
  return outputText
}
