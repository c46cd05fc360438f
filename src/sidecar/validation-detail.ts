/** One error of the schema validator (ajv), as far as it is told. */
export interface SchemaError {
  instancePath?: string
  schemaPath?: string
  keyword?: string
  params?: Record<string, unknown>
  message?: string
}

/**
 * What is wrong with a request, in one sentence: path and rule, from our schemas; never a value.
 *
 * Of a union ("a text or a list of texts") the validator tells every branch. Only the branch whose type the caller chose
 * says something; if that is none, all types are named.
 *
 * @param part   e.g. `body`.
 * @param errors of the validator, first things first; '' for none.
 */
export function validationDetail(part: string, errors: readonly SchemaError[]): string {
  const union = errors.findLast(({ keyword }) => keyword === 'anyOf' || keyword === 'oneOf')
  const told = union === undefined ? errors[0] : unionError(union, errors)
  if (told === undefined) return ''
  return `${part}${told.instancePath ?? ''} ${told.message ?? 'is not valid'}.`
}

function unionError(union: SchemaError, errors: readonly SchemaError[]): SchemaError {
  const branches = new Map<string, SchemaError[]>()
  const start = `${union.schemaPath}/`
  for (const error of errors) {
    if (error.schemaPath?.startsWith(start) !== true) continue
    const branch = error.schemaPath.slice(start.length).split('/')[0] ?? ''
    branches.set(branch, [...(branches.get(branch) ?? []), error])
  }
  const isOfOtherType = ({ keyword, instancePath }: SchemaError) =>
    keyword === 'type' && instancePath === union.instancePath
  const chosen = [...branches.values()].find((branch) => !branch.some(isOfOtherType))
  if (chosen?.[0] !== undefined) return chosen[0]
  const types = [...branches.values()]
    .flatMap((branch) => branch.filter(isOfOtherType))
    .map(({ params }) => params?.['type'])
  return { ...union, message: types.length === 0 ? 'fits none of its forms' : `must be ${types.flat().join(' or ')}` }
}
