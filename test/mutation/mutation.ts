/**
 * Draws small wrong changes from the syntax tree of a TypeScript file: a condition negated, a bound moved by one, a statement
 * dropped, two arguments swapped.
 */
import ts from 'typescript'

export type MutationKind = 'negate-condition' | 'move-bound' | 'drop-statement' | 'swap-arguments'

export interface Mutation {
  kind: MutationKind
  /** position in the source text */
  start: number
  end: number
  /** what stands there instead */
  replacement: string
  /** 1-based */
  line: number
  /** the source text that was replaced, on one line */
  original: string
}

const MOVED: Partial<Record<ts.SyntaxKind, string>> = {
  [ts.SyntaxKind.LessThanToken]: '<=',
  [ts.SyntaxKind.LessThanEqualsToken]: '<',
  [ts.SyntaxKind.GreaterThanToken]: '>=',
  [ts.SyntaxKind.GreaterThanEqualsToken]: '>',
}

/** All mutations of one source text, in source order. */
export function mutationsOf(file: string, text: string): Mutation[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.ES2023, true)
  const found: Mutation[] = []
  const add = (kind: MutationKind, node: ts.Node, replacement: string): void => {
    const start = node.getStart(source)
    found.push({
      kind,
      start,
      end: node.getEnd(),
      replacement,
      line: source.getLineAndCharacterOfPosition(start).line + 1,
      original: text.slice(start, node.getEnd()).replace(/\s+/g, ' '),
    })
  }
  const visit = (node: ts.Node): void => {
    // An assertion guards against our own bugs only: no input reaches its other side.
    if (isAssertion(node)) return
    const condition = conditionOf(node)
    if (condition !== null) add('negate-condition', condition, `!(${condition.getText(source)})`)
    if (ts.isBinaryExpression(node)) {
      const moved = MOVED[node.operatorToken.kind]
      if (moved !== undefined) add('move-bound', node.operatorToken, moved)
    }
    if (isDroppable(node)) add('drop-statement', node, ';')
    if (ts.isCallExpression(node) && node.arguments.length >= 2) {
      const [first, second] = node.arguments
      const texts = [first!.getText(source), second!.getText(source)]
      if (texts[0] !== texts[1] && !isSymmetric(node)) {
        const call = text.slice(node.getStart(source), first!.getStart(source))
        const rest = text.slice(second!.getEnd(), node.getEnd())
        add('swap-arguments', node, `${call}${texts[1]}, ${texts[0]}${rest}`)
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

/** The text with the mutation in place. */
export function mutate(text: string, mutation: Mutation): string {
  return text.slice(0, mutation.start) + mutation.replacement + text.slice(mutation.end)
}

/** Arguments of Math.min and Math.max stand in any order. */
function isSymmetric(node: ts.CallExpression): boolean {
  return /^Math\.(min|max)$/.test(node.expression.getText())
}

function isAssertion(node: ts.Node): boolean {
  return (
    ts.isExpressionStatement(node) &&
    ts.isCallExpression(node.expression) &&
    ts.isIdentifier(node.expression.expression) &&
    node.expression.expression.text === 'assert'
  )
}

function conditionOf(node: ts.Node): ts.Expression | null {
  if (ts.isIfStatement(node) || ts.isWhileStatement(node)) return node.expression
  if (ts.isConditionalExpression(node)) return node.condition
  return null
}

function isDroppable(node: ts.Node): node is ts.ExpressionStatement {
  if (!ts.isExpressionStatement(node)) return false
  const { expression } = node
  if (ts.isCallExpression(expression)) return expression.expression.kind !== ts.SyntaxKind.SuperKeyword
  return ts.isBinaryExpression(expression) || ts.isPostfixUnaryExpression(expression)
}
