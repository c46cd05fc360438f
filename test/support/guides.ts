/** The code of the guides, as it stands there. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { ROOT } from './root.js'

/** A preload: a server that listens says where, whatever it prints itself. */
export const TELLS_PORT =
  "const{Server}=await import('node:http');Server.prototype.listen=new Proxy(Server.prototype.listen,{apply:(listen,server,[,host,then])=>Reflect.apply(listen,server,[0,host,()=>{then();console.log('port '+server.address().port)}])})"

/** The blocks of one language. */
export function blocks(guide: string, language: 'sh' | 'ts'): string[] {
  const text = readFileSync(join(ROOT, `docs/guides/${guide}.md`), 'utf8')
  return [...text.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, code = '']) => code)
}

/**
 * The TypeScript of some guides by the rules of this package, as a reader's editor would see it: one program for all.
 *
 * @returns what the compiler finds wrong, and the JavaScript by guide.
 */
export function checkedGuides(guides: readonly string[]): { faults: string[]; code: Map<string, string> } {
  const { config } = ts.readConfigFile(join(ROOT, 'tsconfig.json'), ts.sys.readFile)
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, ROOT)
  const plain = { noEmit: false, incremental: false, declaration: false, sourceMap: false }
  // As if they were files of the package, where `pilotlight/appservice` is found.
  const texts = new Map(guides.map((guide) => [join(ROOT, `${guide}.ts`), blocks(guide, 'ts').join('\n')]))
  const host = ts.createCompilerHost({ ...options, ...plain })
  const { readFile, fileExists } = host
  host.readFile = (file) => texts.get(file) ?? readFile(file)
  host.fileExists = (file) => texts.has(file) || fileExists(file)
  const program = ts.createProgram([...texts.keys()], { ...options, ...plain }, host)
  const code = new Map<string, string>()
  const faults: string[] = []
  for (const file of texts.keys()) {
    const source = program.getSourceFile(file)
    const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]
    faults.push(...found.map(({ messageText }) => `${file}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`))
    program.emit(source, (_, text) => code.set(file.slice(ROOT.length + 1, -3), text))
  }
  return { faults, code }
}
