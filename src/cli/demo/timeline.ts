/** The demo's timeline: elapsed seconds, who, what; aligned, and without colours where no terminal reads. */

/** Writes the story as it happens. */
export interface Timeline {
  /** A new chapter. */
  chapter(title: string): void
  /** Something that somebody did or saw. */
  line(who: string, what: string): void
  /** A command that the demo starts. */
  command(words: string): void
  /** Lines that stand as they are, e.g. a table. */
  lines(lines: string[]): void
}

const WHO_COLUMNS = 12
/** SGR codes, ECMA-48 §8.3.117. */
const BOLD = '\u001b[1m'
const DIM = '\u001b[2m'
const PLAIN = '\u001b[0m'

/** A timeline on a stream, e.g. `process.stdout`. */
export function streamTimeline(stream: NodeJS.WriteStream, startedMs = performance.now()): Timeline {
  const styled = (style: string, text: string) => (stream.isTTY ? `${style}${text}${PLAIN}` : text)
  const elapsed = () => `${((performance.now() - startedMs) / 1000).toFixed(1).padStart(5)} s`
  const write = (text: string) => void stream.write(`${text}\n`)
  return {
    chapter: (title) => write(`\n${styled(BOLD, title)}`),
    line: (who, what) => write(`${elapsed()}  ${who.padEnd(WHO_COLUMNS)}${what}`),
    command: (words) => write(`${elapsed()}  ${styled(DIM, `$ ${words}`)}`),
    lines: (lines) => write(lines.join('\n')),
  }
}
