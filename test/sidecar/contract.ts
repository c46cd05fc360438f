import { createRequire } from 'node:module'
import { EventReader } from '../../src/appservice/event-reader.js'

type Json = Record<string, unknown>

export interface Media {
  schema: Json
  examples?: Record<string, { value: unknown }>
  example?: unknown
}

export interface Operation {
  operationId: string
  summary: string
  security: Json[]
  tags: string[]
  parameters?: { name: string; in: string; required?: boolean; schema: Json }[]
  requestBody?: { content: Record<string, Media> }
  responses: Record<
    string,
    { description: string; headers?: Record<string, { schema: Json }>; content?: Record<string, Media> }
  >
}

export interface Document {
  openapi: string
  info: Json
  paths: Record<string, Record<string, Operation>>
  webhooks: Record<string, { post: Operation }>
  components: { securitySchemes: Json; schemas: Record<string, Json> }
}

/** What came back from a request. */
export interface Answer {
  statusCode: number
  headers: Record<string, unknown>
  body: string
}

interface Ajv {
  addSchema(schema: Json, key: string): Ajv
  compile(schema: Json): ((value: unknown) => boolean) & { errors?: unknown }
}

// Fastify's own copy of Ajv, for the dialect of OpenAPI 3.1.
const fromFastify = createRequire(createRequire(import.meta.url).resolve('@fastify/ajv-compiler'))
const { Ajv2020 } = fromFastify('ajv/dist/2020') as { Ajv2020: new (options: Json) => Ajv }
const addFormats = fromFastify('ajv-formats') as (ajv: Ajv) => void

/** What is refused where there is no route, or none is reached. */
const ROUTELESS: Readonly<Record<string, number>> = { 'not-found': 404, 'method-not-allowed': 405, 'bad-http': 400 }
const PROBLEM: Media = { schema: { $ref: '#/components/schemas/Problem' } }

/** The OpenAPI document, as something that answers are held against. */
export class Contract {
  readonly document: Document
  /** `operation code` or `operation status` of every answer so far */
  readonly reached = new Set<string>()
  readonly #ajv: Ajv = new Ajv2020({ strict: false, allErrors: true })
  readonly #compiled = new Map<string, ReturnType<Ajv['compile']>>()
  readonly #paths: { path: string; pattern: RegExp }[]

  /** @param document as it is served. */
  constructor(document: Document) {
    this.document = document
    addFormats(this.#ajv)
    this.#ajv.addSchema(document as unknown as Json, 'openapi')
    this.#paths = Object.keys(document.paths)
      .map((path) => ({ path, pattern: new RegExp(`^${path.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]*')}$`) }))
      .sort((a, b) => Number(a.path.includes('{')) - Number(b.path.includes('{')))
  }

  /** What is wrong with a value; '' if it fits. */
  check(schema: Json, value: unknown): string {
    const text = JSON.stringify(schema).replaceAll('"#/components', '"openapi#/components')
    let validate = this.#compiled.get(text)
    if (validate === undefined) {
      validate = this.#ajv.compile(JSON.parse(text))
      this.#compiled.set(text, validate)
    }
    return validate(value) ? '' : JSON.stringify(validate.errors)
  }

  /** What an answer has that the document does not say; '' if it is as documented. */
  fault(method: string, url: string, answer: Answer): string {
    const pathname = URL.canParse(url, 'http://x') ? new URL(url, 'http://x').pathname : ''
    const path = this.#paths.find(({ pattern }) => pattern.test(pathname))?.path ?? ''
    const operation = this.document.paths[path]?.[method === 'HEAD' ? 'get' : method.toLowerCase()]
    const name = `${method} ${url.slice(0, 100)} ${answer.statusCode}`
    const documented = operation?.responses[String(answer.statusCode)]
    const code = codeOf(answer)
    if (operation === undefined || documented === undefined) {
      const isRouteless = ROUTELESS[code] === answer.statusCode && !(operation && code === 'method-not-allowed')
      const fault = isRouteless ? this.#bodyFault(PROBLEM, answer) : 'not documented'
      return method === 'HEAD' || fault === '' ? '' : `${name}: ${fault}: ${answer.body}`
    }
    this.reached.add(`${operation.operationId} ${code === '' ? answer.statusCode : code}`)
    for (const [header, { schema }] of Object.entries(documented.headers ?? {})) {
      const fault = this.check(schema, answer.headers[header])
      if (fault !== '') return `${name}: header ${header}: ${fault}`
    }
    if (method === 'HEAD' || (documented.content === undefined && answer.body === '')) return ''
    const type = String(answer.headers['content-type']).split(';')[0] ?? ''
    const media = documented.content?.[type]
    if (media === undefined) return `${name}: ${type} is not documented`
    if (answer.statusCode >= 400 && media.examples?.[code] === undefined && ROUTELESS[code] !== answer.statusCode)
      return `${name}: ${code} is not documented`
    const fault =
      type === 'text/event-stream' ? this.#eventFault(media.schema, answer.body) : this.#bodyFault(media, answer)
    return fault === '' ? '' : `${name}: ${fault}`
  }

  #bodyFault({ schema }: Media, { headers, body }: Answer): string {
    return this.check(schema, String(headers['content-type']).includes('json') ? JSON.parse(body) : body)
  }

  #eventFault(schema: Json, body: string): string {
    const { items } = schema['contentSchema'] as { items: { oneOf: { properties: Record<string, Json> }[] } }
    const events = new EventReader().read(body)
    for (const { event, id, data } of events) {
      const fault = this.check(items, { event, id, data })
      const found = items.oneOf.find(({ properties }) => this.check(properties['event'] as Json, event) === '')
      const content = found?.properties['data']?.['contentSchema'] as Json | undefined
      const inside = content === undefined ? 'no schema' : this.check(content, JSON.parse(data))
      if (fault !== '' || inside !== '') return `event ${event}: ${fault} ${inside}`
    }
    return ''
  }
}

function codeOf({ body }: Answer): string {
  try {
    return String((JSON.parse(body) as { code?: unknown }).code ?? '')
  } catch {
    return ''
  }
}
