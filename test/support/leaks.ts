/** Looks for what must not stand on a disk or in a log: as it is, and as programs like to write it. */

/** Who uses what, as needles. Each value may stand somewhere; see `Secrets`. */
export interface Needle {
  name: string
  forms: Buffer[]
}

/** What is looked for. */
export interface Secrets {
  /** stands nowhere */
  never: Needle[]
  /** names of a person, and names of an application: each has its tables, but none stands beside the other */
  person: Needle[]
  app: Needle[]
}

/** A page of SQLite, also within its WAL: one page holds rows of one table. */
const PAGE_BYTES = 4096
/** Before the pages of a WAL, and before each of them: https://sqlite.org/fileformat2.html, sections 4.1 and 4.2. */
const WAL_HEAD_BYTES = 32
const WAL_FRAME_HEAD_BYTES = 24

/** A text or bytes of at least 8 B: as they are, as hexadecimal digits, as base64 and base64url at any place in what surrounds them. */
export function needle(name: string, secret: string | Uint8Array): Needle {
  const bytes = Buffer.from(secret as string)
  if (bytes.length < 8) throw new Error(`${name} would be found by chance`)
  const hex = bytes.toString('hex')
  const texts = [hex, hex.toUpperCase()]
  for (const before of [0, 1, 2]) {
    const padded = Buffer.concat([Buffer.alloc(before), bytes])
    for (const encoding of ['base64', 'base64url'] as const) {
      // Without the characters that depend on the neighbours.
      const whole = padded.toString(encoding).replace(/=+$/, '')
      texts.push(whole.slice(before === 0 ? 0 : before + 1, Math.floor((padded.length * 4) / 3)))
    }
  }
  return {
    name,
    forms: [bytes, Buffer.from(bytes.toString('latin1'), 'utf16le'), ...texts.map((text) => Buffer.from(text))],
  }
}

/** A number of 2^28 to 2^32 - 1: as an integer or double of either byte order, as SQLite's row id, in decimal and hexadecimal digits. */
export function numberNeedle(name: string, value: number, isDecimal = true): Needle {
  if (value < 2 ** 28 || value >= 2 ** 32) throw new Error(`${name} would be found by chance`)
  const forms = [Buffer.alloc(4), Buffer.alloc(4), Buffer.alloc(5), Buffer.from(value.toString(16).padStart(8, '0'))]
  const doubles = [Buffer.alloc(8), Buffer.alloc(8)]
  doubles[0]?.writeDoubleBE(value)
  doubles[1]?.writeDoubleLE(value)
  forms[0]?.writeUInt32BE(value)
  forms[1]?.writeUInt32LE(value)
  for (let i = 0; i < 5; i++)
    forms[2]?.writeUInt8((Math.floor(value / 2 ** (7 * (4 - i))) & 0x7f) | (i < 4 ? 0x80 : 0), i)
  forms.push(...doubles)
  if (isDecimal) forms.push(Buffer.from(String(value)))
  return { name, forms }
}

/** What a file holds that it must not: one line for each finding. A name with `-wal` is read as a WAL, all as pages. */
export function leaksIn(file: string, bytes: Buffer, { never, person, app }: Secrets): string[] {
  const found = never.filter((one) => stands(one, bytes)).map(({ name }) => `${file}: ${name}`)
  pagesOf(file, bytes).forEach((page, i) => {
    const persons = person.filter((one) => stands(one, page))
    const apps = app.filter((one) => stands(one, page))
    if (persons.length > 0 && apps.length > 0)
      found.push(`${file}, page ${i}: ${persons[0]?.name} beside ${apps[0]?.name}`)
  })
  return found
}

/**
 * The same for a log, where persons and texts of applications have no place at all. The number of the application that
 * called stands in the field `app`, and there only.
 */
export function leaksInLog(log: string, { never, person, app }: Secrets): string[] {
  const bytes = Buffer.from(log.replaceAll(/"app":[0-9]+,/g, ''))
  return [...never, ...person, ...app].filter((one) => stands(one, bytes)).map(({ name }) => `log: ${name}`)
}

function stands({ forms }: Needle, bytes: Buffer): boolean {
  return forms.some((form) => bytes.includes(form))
}

function pagesOf(file: string, bytes: Buffer): Buffer[] {
  const [head, each] = file.endsWith('-wal') ? [WAL_HEAD_BYTES, WAL_FRAME_HEAD_BYTES] : [0, 0]
  const pages: Buffer[] = []
  for (let at = head; at < bytes.length; at += each + PAGE_BYTES)
    pages.push(bytes.subarray(at + each, at + each + PAGE_BYTES))
  return pages
}
