/** The API by its operations, as its OpenAPI document has them. */
import type { App } from '../sidecar/context.js'

/** Operations of one kind. */
export interface Chapter {
  name: string
  text: string
  operations: { method: string; path: string; summary: string }[]
}

/** Of an OpenAPI document, what is shown. */
interface Document {
  tags?: { name: string; description?: string }[]
  paths?: Record<string, Record<string, { tags?: string[]; summary?: string }>>
}

/** In the order of the document's tags. */
export function chaptersOf(app: App): Chapter[] {
  const { tags = [], paths = {} } = app.swagger() as Document
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { tags: [tag = ''] = [], summary = '' }]) => ({
      method,
      path,
      tag,
      summary,
    })),
  )
  return tags.map(({ name, description = '' }) => ({
    name,
    text: description,
    operations: operations
      .filter(({ tag }) => tag === name)
      .map(({ method, path, summary }) => ({ method: method.toUpperCase(), path, summary })),
  }))
}
