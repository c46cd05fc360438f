import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { hex } from '../base/bytes.js'
import { storeError } from './store-error.js'

/** Read and written by the owner only. */
export const SECRET_MODE = 0o600

/** A name beside `file` that nothing else uses. */
export function partialName(file: string): string {
  return `${file}.${hex(randomBytes(4))}.partial`
}

/** Removes what a killed process left half written in a folder: it may hold keys. The caller holds the folder. */
export function removePartials(folder: string): void {
  for (const name of readdirSync(folder)) {
    if (/\.[0-9a-f]{8}\.partial(-\w+)?$/.test(name)) rmSync(join(folder, name), { force: true })
  }
}

/**
 * Writes a secret file as a whole: after a crash there is the old content or the new, never a part. Mode 0600 from the
 * first byte on, synced with its folder before the call returns.
 *
 * @throws the operating system's error; the old file stays then.
 */
export function writeSecretFile(file: string, content: Uint8Array): void {
  const partial = partialName(file)
  try {
    const descriptor = openSync(partial, 'wx', SECRET_MODE)
    try {
      for (let at = 0; at < content.length; ) at += writeSync(descriptor, content, at)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    renameSync(partial, file)
  } catch (error) {
    rmSync(partial, { force: true })
    throw error
  }
  syncFolder(dirname(file))
}

/** Makes an empty file with mode 0600 if there is none, so that SQLite does not make one that others can read. */
export function touchSecretFile(file: string): void {
  closeSync(openSync(file, 'a', SECRET_MODE))
}

/**
 * Makes a folder for the owner only, and those above it; fine if it is there. Not `mkdirSync`'s `recursive`, which never
 * comes back where the system says ENOENT below a folder that exists (/proc; seen in Node 20.20).
 *
 * @throws PilotlightError PL_STORE_FOLDER, PL_STORE_FULL.
 */
export function makeFolder(folder: string): void {
  try {
    if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true) return
    const parent = dirname(folder)
    if (parent !== folder) makeFolder(parent)
    mkdirSync(folder, { mode: 0o700 })
  } catch (error) {
    throw storeError(error, folder)
  }
}

/** Waits until a file's content is on disk. */
export function syncFile(file: string): void {
  const descriptor = openSync(file, 'r+')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/** Waits until the names in a folder are on disk (after a rename). */
export function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
