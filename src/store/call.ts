/** What crosses between the main thread and the store's thread. */
import type { StoreNotice } from './health.js'
import type { Store } from './store.js'
import type { ErrorMessage } from './store-error.js'

/** Methods of the store that run inside a shared transaction. */
export type Method = Exclude<keyof Store, LoneMethod>

/** One of those methods with its arguments. */
export type Call = { [M in Method]: { method: M; args: Parameters<Store[M]> } }[Method]

/** The same methods without their promises. */
export type Calls = { readonly [M in Method]: (...args: Parameters<Store[M]>) => Awaited<ReturnType<Store[M]>> }

/** Methods that run alone, after everything that was asked before them. */
export const LONE_METHODS = ['boot', 'persons', 'devices', 'rotateKeys', 'backup', 'close'] as const

type LoneMethod = (typeof LONE_METHODS)[number]

/** One of those with its arguments. */
export type LoneCall = { [M in LoneMethod]: { method: M; args: Parameters<Store[M]> } }[LoneMethod]

/** A call to the thread; `id` 0 wants no answer. */
export type CallMessage = (Call | LoneCall) & { id: number }

/** The answer of a call. */
export type AnswerMessage = { id: number; value: unknown } | { id: number; error: ErrorMessage }

/** The thread's first message; afterwards its answers, those of one commit together, and notices. */
export type ThreadMessage = { opened: true } | { failed: ErrorMessage } | { notice: StoreNotice } | AnswerMessage[]

/** How the thread is started. */
export interface ThreadOptions {
  folder: string
  keyFile: string
  newDatabase: boolean
  crypto: 'native' | 'noble'
}
