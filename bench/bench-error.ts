/** What the bench tells its caller: one line, no stack trace. */
export class BenchError extends Error {
  override readonly name = 'BenchError'
  readonly exitCode: 1 | 2

  /** @param exitCode 2 it was called wrongly, 1 it failed. */
  constructor(message: string, exitCode: 1 | 2 = 2) {
    super(message)
    this.exitCode = exitCode
  }
}
