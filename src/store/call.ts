/** What crosses between the main thread and the store's thread. */
import type { DevicePack } from './device-pack.js'
import type { StoreNotice } from './health.js'
import type { Boot, Store } from './store.js'
import type { ErrorMessage } from './store-error.js'

/** Methods of the store that run inside a shared transaction. */
export type Method = Exclude<keyof Store, 'boot' | 'rotateKeys' | 'backup' | 'close'>

/** One of those methods with its arguments. */
export type Call = { [M in Method]: { method: M; args: Parameters<Store[M]> } }[Method]

/** The same methods without their promises. */
export type Calls = { readonly [M in Method]: (...args: Parameters<Store[M]>) => Awaited<ReturnType<Store[M]>> }

/** Methods that run alone, after everything that was asked before them. */
export type LoneCall = {
  [M in 'boot' | 'rotateKeys' | 'backup' | 'close']: { method: M; args: Parameters<Store[M]> }
}['boot' | 'rotateKeys' | 'backup' | 'close']

/** A call to the thread; `id` 0 wants no answer. */
export type CallMessage = (Call | LoneCall) & { id: number }

/** The answer of a call. */
export type AnswerMessage = { id: number; value: unknown } | { id: number; error: ErrorMessage }

/** The thread's first message; afterwards its answers, those of one commit together, and notices. */
export type ThreadMessage = { opened: true } | { failed: ErrorMessage } | { notice: StoreNotice } | AnswerMessage[]

/** `Boot` with its devices packed. */
export type PackedBoot = Omit<Boot, 'devices'> & { packs: DevicePack[] }

/** How the thread is started. */
export interface ThreadOptions {
  folder: string
  keyFile: string
  newDatabase: boolean
  crypto: 'native' | 'noble'
}
