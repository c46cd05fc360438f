import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const ROOT = join(import.meta.dirname, '../..')
const spec = readFileSync(join(ROOT, 'wire-spec.md'), 'utf8')
const required = [...spec.matchAll(/^- \[(R-[\d.]+-\d+)\]/gm)].map((match) => match[1]!)

function filesBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(ROOT, folder, name))
}

function cited(file: string, pattern: RegExp): string[] {
  return [...readFileSync(file, 'utf8').matchAll(pattern)].map((match) => match[1]!)
}

t.test('each requirement of wire-spec.md has one number and one place', async (t) => {
  t.ok(required.length > 60, `${required.length} requirements`)
  t.equal(new Set(required).size, required.length)
})

t.test('each requirement is the subject of at least one test', async (t) => {
  const tested = new Set(filesBelow('test').flatMap((file) => cited(file, /\[(R-[\d.]+-\d+)\]/g)))
  const untested = required.filter((one) => !tested.has(one))
  t.same(untested, [])
})

t.test('each requirement that src or a test names is in wire-spec.md', async (t) => {
  for (const folder of ['src', 'test']) {
    for (const file of filesBelow(folder)) {
      for (const one of cited(file, /\[(R-[\d.]+-\d+)\]/g)) t.ok(required.includes(one), `${one} in ${file}`)
    }
  }
})

t.test('each section that src cites is in wire-spec.md', async (t) => {
  const sections = new Set([...spec.matchAll(/^#+ (\d+(?:\.\d+)?)\.? /gm)].map((match) => match[1]!))
  for (const file of filesBelow('src')) {
    for (const section of cited(file, /wire-spec §(\d+(?:\.\d+)?)/g))
      t.ok(sections.has(section), `§${section} in ${file}`)
  }
})
