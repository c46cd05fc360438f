/** What the server says, as it says it: names for the types that are made from the OpenAPI document. Times are ISO 8601 texts. */
import type { paths } from './api-routes.js'
import type { components } from './api-schemas.js'

type Schemas = components['schemas']

/** A person as your application sees them. */
export type Presence = Schemas['Presence']
/** Stands in a list for a PUID that is not one of your application. */
export type UnknownPuid = Schemas['UnknownPuid']
/** A live notification. */
export type RingState = Schemas['Ring']
/** What to ring. */
export type RingRequest = JsonIn<paths['/v1/rings']['post']>
/** An event that your endpoint is told. `id` is the same whenever it is told. */
export type WebhookEvent = Schemas['WebhookEvent']
/** Why the server refused. */
export type ProblemCode = Schemas['Problem']['code']

/** What a stream yields. After `reset` (or a lost connection) the stream connects again by itself, and `snapshot` follows. */
export type StreamEvent = { id: string } & (
  | ({ type: 'restarted' } & Schemas['Restarted'])
  | ({ type: 'snapshot' } & Schemas['Snapshot'])
  | { type: 'presence'; person: Presence }
  | { type: 'ring'; ring: RingState }
  | ({ type: 'reset' } & Schemas['StreamReset'])
)

/** A path of the HTTP API that takes an API key. */
export type Path = keyof paths
/** A method of a path, in lower case. */
export type Method<P extends Path> = keyof paths[P] & string
/** What a request takes: `path`, `query`, `header` and `body`, where it has them. */
export type Input<P extends Path, M extends Method<P>> = Parameters<paths[P][M]> &
  Body<paths[P][M]> & { signal?: AbortSignal }
/** What it answers. */
export type Answer<P extends Path, M extends Method<P>> = JsonOut<paths[P][M]>
/** The same as the rest of a call: it may be left out where nothing in it is needed. */
export type InputOf<P extends Path, M extends Method<P>> =
  Record<never, never> extends Input<P, M> ? [input?: Input<P, M>] : [input: Input<P, M>]

/** Who sends requests: an `AppService`. */
export interface Requesting {
  request<P extends Path, M extends Method<P>>(method: M, path: P, ...input: InputOf<P, M>): Promise<Answer<P, M>>
}

type Parameters<Operation> = Operation extends { parameters: infer Fields } ? Fields : unknown
type Body<Operation> = Operation extends { requestBody: object } ? { body: JsonIn<Operation> } : unknown
type JsonIn<Operation> = Operation extends { requestBody: { content: { 'application/json': infer Json } } }
  ? Json
  : never
type JsonOut<Operation> = Operation extends { responses: infer Answers } ? JsonOf<Answers[keyof Answers]> : never
type JsonOf<Answer> = Answer extends { content: { 'application/json': infer Json } } ? Json : never
