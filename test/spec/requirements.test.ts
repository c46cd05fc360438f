import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import ts from 'typescript'
import { ROOT } from '../support/root.js'

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

/** Names of the tests in a source text: the first argument of each `t.test` or `test`, if it is a string. */
function testNames(text: string): string[] {
  const names: string[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node)) {
      const called = ts.isPropertyAccessExpression(node.expression) ? node.expression.name : node.expression
      const [name] = node.arguments
      const isTest = ts.isIdentifier(called) && called.text === 'test'
      if (isTest && name !== undefined && (ts.isStringLiteralLike(name) || ts.isTemplateExpression(name)))
        names.push(name.getText())
    }
    ts.forEachChild(node, visit)
  }
  visit(ts.createSourceFile('test.ts', text, ts.ScriptTarget.ES2023, true))
  return names
}

t.test('a requirement counts as tested by the name of a test only', async (t) => {
  const text = `
    // 'a comment'
    const other = 'a string'
    t.test('a name', () => t.ok(true, 'a message'))
    await test(\`a \${other}\`, () => {})`
  t.same(testNames(text), ["'a name'", '`a $' + '{other}`'])
})

t.test('each requirement is the subject of at least one test', async (t) => {
  const files = filesBelow('test').filter((file) => file.endsWith('.test.ts'))
  const names = files.flatMap((file) => testNames(readFileSync(file, 'utf8'))).join('\n')
  t.same(
    required.filter((one) => !names.includes(`[${one}]`)),
    [],
  )
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
