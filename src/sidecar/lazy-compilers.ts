/**
 * Validators and serializers of routes, compiled when a request first needs them. Compiling all of them was nearly half of
 * what a start of this thread cost, and a server uses few of them.
 */
import AjvCompiler, { type BuildCompilerFromPool } from '@fastify/ajv-compiler'
import SerializerSelector, { type SerializerFactory } from '@fastify/fast-json-stringify-compiler'

/** What fastify takes as `compilersFactory` of its `schemaController`. */
export function lazyCompilers(): { buildValidator: BuildCompilerFromPool; buildSerializer: SerializerFactory } {
  const [buildAjv, buildStringify] = [AjvCompiler(), SerializerSelector()]
  return {
    buildValidator(schemas, options) {
      const compiler = once(() => buildAjv(schemas, options))
      return (route, meta) => {
        const compiled = once(() => compiler()(route, meta))
        const validate = (value: unknown) => {
          const isValid = compiled()(value)
          validate.errors = compiled().errors ?? null
          return isValid
        }
        validate.errors = null as ReturnType<typeof compiled>['errors']
        return validate as ReturnType<typeof compiled>
      }
    },
    buildSerializer(schemas, options) {
      const compiler = once(() => buildStringify(schemas, options))
      return (route) => {
        const compiled = once(() => compiler()(route))
        return (document: unknown) => compiled()(document)
      }
    },
  }
}

function once<Value>(make: () => Value): () => Value {
  let made: { value: Value } | null = null
  return () => {
    made ??= { value: make() }
    return made.value
  }
}
