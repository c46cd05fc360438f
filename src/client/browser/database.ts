/** A few promises over IndexedDB, and the one database of a device in it. */

/** The object stores: keys that no script can read, and what is sealed under them. */
export type StoreName = 'keys' | 'sealed'

const VERSION = 1

/** The database of one device in this browser profile and origin. */
export class Database {
  readonly #db: IDBDatabase

  private constructor(db: IDBDatabase) {
    this.#db = db
    // Another tab deletes it: what is saved from now on fails, and nothing is sent that had to be durable.
    db.onversionchange = () => db.close()
  }

  /** @param name of the database, made if it is missing. @throws DOMException where storage is refused. */
  static async open(name: string): Promise<Database> {
    const request = indexedDB.open(name, VERSION)
    request.onupgradeneeded = () => {
      for (const store of ['keys', 'sealed'] satisfies StoreName[]) request.result.createObjectStore(store)
    }
    return new Database(await resultOf(request))
  }

  /** Deletes the database; other tabs lose it too. */
  static async delete(name: string): Promise<void> {
    await resultOf(indexedDB.deleteDatabase(name))
  }

  /** @returns what is kept under a name, or undefined. */
  get(store: StoreName, name: string): Promise<unknown> {
    return resultOf(this.#db.transaction(store).objectStore(store).get(name))
  }

  /** Keeps values in one transaction. Settles when they are on the disk: all of them, or after a crash none. */
  put(store: StoreName, values: Readonly<Record<string, unknown>>): Promise<void> {
    return this.#write(store, (objects) => {
      for (const [name, value] of Object.entries(values)) objects.put(value, name)
    })
  }

  /** Keeps a value unless there is one. @returns the one that is there afterwards. */
  async putOnce(store: StoreName, name: string, value: unknown): Promise<unknown> {
    let kept: unknown
    await this.#write(store, (objects) => {
      const request = objects.get(name)
      request.onsuccess = () => {
        kept = request.result ?? value
        if (request.result === undefined) objects.put(value, name)
      }
    })
    return kept
  }

  /** Forgets values in one transaction. */
  remove(store: StoreName, names: readonly string[]): Promise<void> {
    return this.#write(store, (objects) => {
      for (const name of names) objects.delete(name)
    })
  }

  close(): void {
    this.#db.close()
  }

  #write(store: StoreName, change: (objects: IDBObjectStore) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      // 'strict': `complete` comes when the disk has it, not when the system has.
      const transaction = this.#db.transaction(store, 'readwrite', { durability: 'strict' })
      transaction.oncomplete = () => resolve()
      transaction.onabort = () => reject(transaction.error ?? new Error('the transaction was aborted'))
      change(transaction.objectStore(store))
    })
  }
}

function resultOf<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error)
  })
}
