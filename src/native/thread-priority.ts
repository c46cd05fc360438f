import { constants, getPriority, setPriority } from 'node:os'

/**
 * How much nicer threads are than the main thread. Where both want one core all the time, Linux gives a thread that is nicer
 * by 5 a third of what the main thread has, and by 10 a tenth (sched(7)): much more than 5, and any other program on the machine
 * would shut applications out.
 */
export const Nicer = {
  /** Handshakes and accepted rings wait for its commits; it is seldom busy for long. */
  store: 3,
  /** HTTP for applications, webhooks: they wait when packets need the core. */
  http: 5,
} as const

/**
 * Lets the main thread, which handles packets, go before the calling thread. Only Linux can do that for one thread of a
 * process: elsewhere nothing happens, and nothing where the system forbids it.
 *
 * @param nicer than it was started, at most 19 in all.
 */
export function yieldToMainThread(nicer: number): void {
  if (process.platform !== 'linux') return
  try {
    // The kernel means the calling thread where glibc and musl say process (setpriority(2), "C library/kernel differences").
    setPriority(Math.min(constants.priority.PRIORITY_LOW, getPriority() + nicer))
  } catch {
    // A container may forbid the call: then all threads are alike, as elsewhere.
  }
}
