/** Files that pages ask for: read once, named by their content, kept by browsers for good. */
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { App } from '../sidecar/context.js'
import { packageRoot } from '../sidecar/package-root.js'
import { Problem } from '../sidecar/problem.js'

/** Folder of templates and files; they are no code, so they stand with their sources. */
export const PAGES_FOLDER: string = join(packageRoot(import.meta.dirname), 'src', 'pages')

/** Nearly as small as the best, in a tenth of the time. */
const BROTLI_QUALITY = 9

const TYPES: Record<string, string> = {
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
}

interface Asset {
  url: string
  type: string
  etag: string
  plain: Buffer
  /** made when they are asked for the first time */
  compressed: Map<Coding, Buffer>
}

type Coding = 'br' | 'gzip'

/** Made by the build: the scripts of a browser that is a device. */
const BUILT_FOLDER = join(PAGES_FOLDER, '..', '..', 'dist', 'assets')

/** file name -> file */
const ASSETS: ReadonlyMap<string, Asset> = new Map([
  ...readAssets(join(PAGES_FOLDER, 'assets')),
  ...readAssets(BUILT_FOLDER),
])

/** The URL of a file. @param name e.g. `style.css`. */
export function assetUrl(name: string): string {
  const asset = ASSETS.get(name)
  if (asset === undefined) throw new Problem('internal')
  return asset.url
}

/** `GET /assets/...`: to everybody, also while the server starts or stops. */
export function assetRoutes(app: App): void {
  for (const asset of ASSETS.values()) {
    app.get(asset.url, { schema: { hide: true } }, async (request, reply) => sendAsset(request, reply, asset))
  }
}

function sendAsset(request: FastifyRequest, reply: FastifyReply, asset: Asset): FastifyReply {
  const { type, etag, plain } = asset
  const accepted = request.headers['accept-encoding'] ?? ''
  const coding = /\bbr\b/.test(accepted) ? 'br' : /\bgzip\b/.test(accepted) ? 'gzip' : null
  reply
    .headers({
      'cache-control': 'public, max-age=31536000, immutable',
      'cross-origin-resource-policy': 'same-origin',
      vary: 'accept-encoding',
    })
    .header('etag', etag)
    .type(type)
  if (request.headers['if-none-match'] === etag) return reply.code(304).send()
  if (coding === null) return reply.send(plain)
  return reply.header('content-encoding', coding).send(compressed(asset, coding))
}

function compressed(asset: Asset, coding: Coding): Buffer {
  const known = asset.compressed.get(coding)
  if (known !== undefined) return known
  const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY } }
  const made = coding === 'gzip' ? gzipSync(asset.plain) : brotliCompressSync(asset.plain, quality)
  asset.compressed.set(coding, made)
  return made
}

function readAssets(folder: string): Map<string, Asset> {
  const assets = new Map<string, Asset>()
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const type = TYPES[extname(name)]
    if (type === undefined) continue
    const plain = readFileSync(join(folder, name))
    const hash = createHash('sha256').update(plain).digest('hex').slice(0, 16)
    const url = `/assets/${name.slice(0, -extname(name).length)}-${hash}${extname(name)}`
    assets.set(name, { url, type, etag: `"${hash}"`, plain, compressed: new Map() })
  }
  return assets
}
