/** The guides of docs/guides, as the build has made HTML of them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { packageRoot } from '../sidecar/package-root.js'

/** One guide. */
export interface Guide {
  /** part of its path */
  name: string
  title: string
  /** of ours, without script, styles or anything of others */
  html: string
}

const FOLDER = join(packageRoot(import.meta.dirname), 'dist', 'guides')

/** In the order in which a newcomer reads them; the others follow. */
const ORDER = ['first-presence', 'ring-somebody', 'pool-of-helpers', 'webhooks', 'moving-from-polling', 'errors']

/** Those that there are. */
export const GUIDES: readonly Guide[] = (existsSync(FOLDER) ? readdirSync(FOLDER) : [])
  .map((file) => ({ name: basename(file, '.json'), ...JSON.parse(readFileSync(join(FOLDER, file), 'utf8')) }) as Guide)
  .sort((a, b) => place(a) - place(b))

function place({ name }: Guide): number {
  const at = ORDER.indexOf(name)
  return at < 0 ? ORDER.length : at
}
