import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import vm from 'node:vm'
import ts from 'typescript'
import { ROOT } from './root.js'

/** Conditions of a package's `exports` that hold off Node. */
const CONDITIONS = ['import', 'browser', 'default']

type Exports = string | null | { readonly [key: string]: Exports }

/**
 * Loads a module of `src` and all that it imports into a context with ECMAScript and nothing else: no `node:` module,
 * no Buffer, TextEncoder, URL, timer, WebAssembly, and no `eval`. Packages are resolved as off Node.
 *
 * @param entry path below `src`, such as `frame/cbor.ts`.
 * @returns the module's exports (objects of the other realm), and `run` to evaluate code that gets them as `m`.
 */
export function loadBare(entry: string): { files: string[]; run: (code: string) => unknown } {
  const context = vm.createContext({}, { codeGeneration: { strings: false, wasm: false } })
  vm.runInContext(
    'delete globalThis.WebAssembly; delete globalThis.console; delete globalThis.SharedArrayBuffer',
    context,
  )
  const modules = new Map<string, { exports: object }>()

  function load(file: string): object {
    const known = modules.get(file)
    if (known !== undefined) return known.exports
    const module = { exports: vm.runInContext('({})', context) as object }
    modules.set(file, module)
    const wrapped = scriptOf(file)
    const requireBare = (specifier: string): object => load(resolveBare(specifier, file))
    wrapped.runInContext(context)(module.exports, requireBare, module)
    return module.exports
  }

  const namespace = load(join(ROOT, 'src', entry))
  return {
    files: [...modules.keys()],
    run: (code) => vm.runInContext(`(function (m) { 'use strict'; ${code} })`, context)(namespace),
  }
}

/** Scripts by file: each is made once and run in as many contexts as are asked for. */
const scripts = new Map<string, vm.Script>()

function scriptOf(file: string): vm.Script {
  const known = scripts.get(file)
  if (known !== undefined) return known
  const compilerOptions = { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, allowJs: true }
  const { outputText } = ts.transpileModule(readFileSync(file, 'utf8'), { compilerOptions, fileName: file })
  const script = new vm.Script(`(function (exports, require, module) {${outputText}\n})`, { filename: file })
  scripts.set(file, script)
  return script
}

function resolveBare(specifier: string, from: string): string {
  if (specifier.startsWith('node:')) throw new Error(`${from} imports ${specifier}`)
  if (specifier.startsWith('.')) {
    const file = join(dirname(from), specifier)
    const source = file.replace(/\.js$/, '.ts')
    return existsSync(source) ? source : file
  }
  const [, name = '', subpath = ''] = specifier.match(/^((?:@[^/]+\/)?[^/]+)(\/.*)?$/) ?? []
  const folder = join(ROOT, 'node_modules', name)
  const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { exports: Exports }
  const table = exports as { readonly [key: string]: Exports }
  const target = pick(table[`.${subpath}`] ?? null)
  if (target === null) throw new Error(`${specifier} is not exported off Node`)
  return join(folder, target)
}

function pick(target: Exports): string | null {
  if (target === null || typeof target === 'string') return target
  for (const [condition, nested] of Object.entries(target)) {
    if (!CONDITIONS.includes(condition)) continue
    const found = pick(nested)
    if (found !== null) return found
  }
  return null
}
