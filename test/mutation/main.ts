/**
 * `npm run mutate -- [--seed N] [--count 20] [--jobs N]`: draws mutations from packet, session and ring code, runs the tests
 * that must notice, and prints the survivors. A survivor that `survivors.json` does not explain is a failure.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { SeededRandom } from '../../src/base/seeded-random.js'
import { builtName, type Drawn, Lane } from './lane.js'
import { testsOf } from './matters.js'
import { mutationsOf } from './mutation.js'

const BUILD = 'build-mutation'
/** Folder that `tsc -p test` writes to; this program runs from there. */
const CLEAN = 'build-test'
/** Folders that are mutated, and the tests that must notice, nearest first. */
const TESTS: Record<string, string[]> = {
  'src/packet': ['test/packet', 'test/session', 'test/endpoint', 'test/client'],
  'src/session': ['test/session', 'test/endpoint', 'test/client'],
  'src/ring': ['test/ring', 'test/hub'],
}

interface Explained {
  file: string
  original: string
  kind: string
  why: string
}

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    count: { type: 'string', default: '20' },
    jobs: { type: 'string', default: `${availableParallelism()}` },
  },
})
process.exitCode = await run(Number(values.seed), Number(values.count), Number(values.jobs))

async function run(seed: number, count: number, jobs: number): Promise<number> {
  const all: Explained[] = JSON.parse(readFileSync('test/mutation/survivors.json', 'utf8'))
  const open: Drawn[] = []
  const broken = new Set<string>()
  let explained = 0
  const waiting = draw(seed, count)
  const work = async (lane: Lane): Promise<void> => {
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
      const { file, kind, original, line } = one
      const why = all.find((e) => e.file === file && e.kind === kind && e.original === original)?.why
      const killedBy = why === undefined ? await lane.killer(one, testsFor(file), broken) : null
      if (why !== undefined) explained++
      else if (killedBy === null) open.push(one)
      const verdict =
        why === undefined ? (killedBy === null ? 'SURVIVED' : `killed by ${killedBy}`) : `explained: ${why}`
      console.log(`${file}:${line} ${kind}: ${verdict}`)
    }
  }
  await Promise.all(Array.from({ length: jobs }, (_, number) => work(new Lane(CLEAN, join(BUILD, `lane-${number}`)))))
  for (const test of broken) console.log(`not used, it fails without a mutation: ${test}`)
  for (const one of open) {
    console.log(`survivor ${one.file}:${one.line} ${one.kind}\n  ${one.original}\n  -> ${one.replacement}`)
  }
  console.log(`seed ${seed}: ${count - explained - open.length} killed, ${explained} explained, ${open.length} open`)
  return open.length === 0 ? 0 : 1
}

function draw(seed: number, count: number): Drawn[] {
  const all = Object.keys(TESTS).flatMap((folder) =>
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

function testsFor(file: string): string[] {
  const folder = Object.keys(TESTS).find((one) => file.startsWith(`${one}/`)) as string
  return testsOf(CLEAN, builtName(file), TESTS[folder] as string[])
}
