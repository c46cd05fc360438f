// Part of `npm run build`: the script of the panel with its device, and the worker of its timers, each as one file that a
// page with `script-src 'self'` can load. Both go to `dist/assets`.
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))

await build({
  absWorkingDir: root,
  entryPoints: {
    device: 'src/client/browser/index.ts',
    panel: 'src/panel/main.ts',
    'timer-worker': 'src/client/browser/timer-worker.ts',
  },
  outdir: 'dist/assets',
  bundle: true,
  minify: true,
  format: 'esm',
  target: ['es2022'],
  legalComments: 'none',
  logLevel: 'warning',
  // cbor-x makes functions of text, which a strict Content-Security-Policy refuses.
  alias: { 'cbor-x/encode': './src/client/browser/cbor.ts' },
})

// The API reference. Copied, so that who installs Pilotlight does not get the package: it reports installations to others.
const swagger = fileURLToPath(new URL('../node_modules/swagger-ui-dist/', import.meta.url))
for (const [from, to] of [
  ['swagger-ui-bundle.js', 'swagger-ui.js'],
  ['swagger-ui.css', 'swagger-ui.css'],
  ['swagger-ui-bundle.js.LICENSE.txt', 'swagger-ui.js.LICENSE'],
  ['LICENSE', 'swagger-ui.LICENSE'],
  ['NOTICE', 'swagger-ui.NOTICE'],
]) {
  copyFileSync(join(swagger, from), join(root, 'dist/assets', to))
}
