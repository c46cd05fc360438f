/** Processes that must not outlive this one, whatever ends it. */
import type { ChildProcess } from 'node:child_process'

const children = new Set<ChildProcess>()

/** Ends the process, by its id, when this one ends. */
export function endWithUs(child: ChildProcess): void {
  if (children.size === 0) watch()
  children.add(child)
  child.once('exit', () => children.delete(child))
  // What does not start is told by whoever waits for it.
  child.once('error', () => children.delete(child))
}

let isWatching = false

function watch(): void {
  if (isWatching) return
  isWatching = true
  process.once('exit', () => {
    for (const child of children) child.kill('SIGKILL')
  })
  for (const [signal, code] of [['SIGINT', 130] as const, ['SIGTERM', 143] as const]) {
    process.once(signal, () => process.exit(code))
  }
}
