// Lints the OpenAPI document that the server serves, and checks that the types of `pilotlight/appservice` were made from it.
// `--write` makes them anew. Works on what was built.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createConfig, lintFromString } from '@redocly/openapi-core'
import openapiTS, { astToString } from 'openapi-typescript'
import { buildApp } from '../dist/sidecar/app.js'
import { Link } from '../dist/sidecar/link.js'

const FOLDER = new URL('../src/appservice/', import.meta.url)
const RULES = {
  // Our schemas say themselves what may stand beside their fields.
  'no-invalid-media-type-examples': { severity: 'error', allowAdditionalProperties: true },
  'no-invalid-schema-examples': { severity: 'error', allowAdditionalProperties: true },
  'no-ambiguous-paths': 'error',
  'no-http-verbs-in-paths': 'error',
  'path-not-include-query': 'error',
  'operation-tag-defined': 'error',
  'tag-description': 'error',
  'parameter-description': 'error',
  'response-contains-property': 'off',
}
/** Findings that are right as they are. */
const KNOWN = new Set([
  'operation-2xx-response #/paths/~1v1~1channel/get/responses', // its success is 101
])

const app = await buildApp({}, new Link({ post() {}, answerTimeoutMs: 1 }))
const served = (await app.inject('/openapi.json')).body

const config = await createConfig({ extends: ['recommended-strict'], rules: RULES })
const findings = (await lintFromString({ source: served, absoluteRef: '/openapi.json', config }))
  .map(({ ruleId, message, location }) => [`${ruleId} ${location[0].pointer}`, message])
  .filter(([place]) => !KNOWN.has(place))
for (const [place, message] of findings) console.log(`openapi.json: ${place}: ${message}`)
if (findings.length > 0) process.exitCode = 1

const plain = JSON.parse(served, (key, value) => (key === 'examples' || key === 'example' ? undefined : value))
for (const [name, text] of Object.entries(await typesOf(plain))) {
  const file = new URL(name, FOLDER)
  if (existsSync(file) && readFileSync(file, 'utf8') === text) continue
  if (process.argv.includes('--write')) writeFileSync(file, text)
  else {
    console.log(`src/appservice/${name} is not what the OpenAPI document says: npm run generate`)
    process.exitCode = 1
  }
}

/** The files: what the schemas are called, and the routes that take an API key and answer with JSON. */
async function typesOf(document) {
  const asked = Object.fromEntries(
    Object.entries(document.paths)
      .map(([path, item]) => [path, ofApplications(item)])
      .filter(([, item]) => Object.keys(item).length > 0),
  )
  const nodes = await openapiTS({ ...document, paths: asked, webhooks: {} })
  const text = (name) => {
    const printed = astToString(nodes.filter((node) => node.name?.text === name))
    // What is not there need not be said.
    return printed.replace(
      /^ *(\w+\??: never|(parameters|headers): \{\s*(\w+\??: never;\s*|\[name: string\]: unknown;\s*)*\});\n/gm,
      '',
    )
  }
  const start = '// Made from the OpenAPI document by `npm run generate`. Do not change it here.\n'
  return {
    'api-schemas.ts': `${start}\n${text('components')}`,
    'api-routes.ts': `${start}\nimport type { components } from './api-schemas.js'\n\n${text('paths')}`,
  }
}

function ofApplications(item) {
  const kept = Object.entries(item).filter(
    ([, { security, responses }]) =>
      security.some(({ bearer }) => bearer) && !responses[200].content['text/event-stream'],
  )
  return Object.fromEntries(kept.map(([method, operation]) => [method, withoutErrors(operation)]))
}

/** Errors are thrown, and look alike. Without its id an operation stands where its path stands. */
function withoutErrors({ operationId: _, description: __, responses, ...operation }) {
  const good = Object.entries(responses)
    .filter(([status]) => status < '400')
    .map(([status, { description, content }]) => [status, { description, content }])
  return { ...operation, responses: Object.fromEntries(good) }
}
