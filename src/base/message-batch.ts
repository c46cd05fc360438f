/**
 * Messages to another thread that go together: each message that is posted wakes the thread, which costs more than what most
 * of them say.
 */
export class MessageBatch<Message> {
  readonly #post: (messages: Message[]) => void
  readonly #later: (flush: () => void) => void
  #messages: Message[] = []

  /**
   * @param post  hands over all that waits, in order.
   * @param later the first message came: runs `flush` soon, for this one and those that follow it.
   */
  constructor(post: (messages: Message[]) => void, later: (flush: () => void) => void) {
    this.#post = post
    this.#later = later
  }

  /** Adds a message; it leaves soon. */
  push(message: Message): void {
    if (this.#messages.push(message) === 1) this.#later(() => this.flush())
  }

  /** Hands over what waits, now. */
  flush(): void {
    if (this.#messages.length === 0) return
    const messages = this.#messages
    this.#messages = []
    this.#post(messages)
  }
}
