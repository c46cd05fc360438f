/** Reads JSON text sequences (RFC 7464). */

/** A record of a qlog after its head. */
export interface QlogRecord {
  time: number
  name: string
  group_id?: string
  // biome-ignore lint/suspicious/noExplicitAny: each event has its own fields, checked by what is asserted
  data: Record<string, any>
}

/** @throws Error if the text is no sequence of whole records. */
export function parseSequence(text: string): unknown[] {
  const [before, ...records] = text.split('\u001e')
  if (before !== '') throw new Error('bytes before the first record')
  return records.map((record) => {
    if (!record.endsWith('\n')) throw new Error('a record without its end')
    return JSON.parse(record) as unknown
  })
}

/** Head and events of a qlog. */
export function parseQlog(text: string): { head: Record<string, unknown>; events: QlogRecord[] } {
  const [head, ...events] = parseSequence(text)
  return { head: head as Record<string, unknown>, events: events as QlogRecord[] }
}
