// Part of `npm run build`: the script of the panel with its device, and the worker of its timers, each as one file that a
// page with `script-src 'self'` can load. Both go to `dist/assets`.
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
