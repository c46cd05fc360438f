/**
 * Stops at our own bug. Never for what a peer sends (a drop reason or a close code) nor for a caller's mistake
 * (`PilotlightError`).
 *
 * @param condition what must hold.
 * @param message   what is wrong if it does not, for the bug report.
 * @throws Error `bug: message`.
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`bug: ${message}`)
}
