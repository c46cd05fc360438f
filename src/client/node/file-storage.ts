import { randomBytes } from 'node:crypto'
import { mkdir, open, readFile, rename, unlink } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import type { Storage } from '../storage.js'

/** Owner may read and write, nobody else: there are keys in it. */
const FILE_MODE = 0o600
const FOLDER_MODE = 0o700

/**
 * One file, replaced as a whole: a temporary file beside it is written, fsynced and renamed over it, and the folder is
 * fsynced. A crash at any moment leaves the old bytes or the new.
 */
export class FileStorage implements Storage {
  readonly #path: string
  /** Saves run one after the other. */
  #last: Promise<void> = Promise.resolve()

  /** @param path of the file; its folder is made if it is missing. */
  constructor(path: string) {
    this.#path = resolve(path)
  }

  /** @returns the bytes, or null if there is no file. @throws as `readFile` for anything else. */
  async load(): Promise<Uint8Array | null> {
    try {
      return await readFile(this.#path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
      throw error
    }
  }

  /** @throws as the file system does; the old file is then still whole. */
  save(bytes: Uint8Array): Promise<void> {
    const saved = this.#last.then(() => this.#write(bytes))
    this.#last = saved.catch(() => {})
    return saved
  }

  async #write(bytes: Uint8Array): Promise<void> {
    const folder = dirname(this.#path)
    const temporary = `${this.#path}.${randomBytes(6).toString('hex')}.tmp`
    await mkdir(folder, { recursive: true, mode: FOLDER_MODE })
    try {
      const file = await open(temporary, 'wx', FILE_MODE)
      try {
        await file.writeFile(bytes)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(temporary, this.#path)
    } catch (error) {
      await unlink(temporary).catch(() => {})
      throw error
    }
    await syncFolder(folder)
  }
}

/** Makes the rename durable. Windows cannot open folders, and needs it not. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
