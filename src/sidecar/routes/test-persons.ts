import { Type } from 'typebox'
import type { Behaviour, TestPersonChange, TestPresence } from '../../sandbox/message.js'
import { callerOf } from '../caller.js'
import type { App, Context } from '../context.js'
import { Problem, type ProblemCode } from '../problem.js'
import { answer, EXAMPLES, LIMIT_HEADERS, PUID_PATTERN, Puid, problems, record } from '../schema.js'

const BEHAVIOUR = Type.Unsafe<Behaviour>({ type: 'string', enum: ['accept', 'dismiss', 'ignore'] })
const PRESENCE = Type.Unsafe<TestPresence>({ type: 'string', enum: ['online', 'away', 'unavailable', 'offline'] })
const CONSENT = Type.Unsafe<'given' | 'revoked' | 'revoked-and-told'>({
  type: 'string',
  enum: ['given', 'revoked', 'revoked-and-told'],
})
const MESSAGE = Type.String({ maxLength: 32, description: 'Status message.' })

const TestPersonView = record(
  { puid: Puid, name: Type.String(), behaviour: BEHAVIOUR, presence: PRESENCE, message: Type.String() },
  { title: 'TestPerson' },
)
const TestPersons = record({ persons: Type.Array(TestPersonView) }, { title: 'TestPersons' })
const EXAMPLE = { puid: EXAMPLES.puid, name: 'accepts', behaviour: 'accept', presence: 'online', message: '' }
const READ: ProblemCode[] = ['unauthorized', 'not-a-test-key', 'rate-limited']
const WRITE: ProblemCode[] = [
  ...READ,
  'invalid-request',
  'malformed-json',
  'body-too-large',
  'unsupported-media-type',
  'unknown-puid',
]
const COMMON = { tags: ['test'], security: [{ bearer: [] as string[] }] }

/** `/v1/test/persons`: the echo persons that a test key reaches. */
export function testRoutes(app: App, context: Context): void {
  app.get(
    '/v1/test/persons',
    {
      schema: {
        ...COMMON,
        operationId: 'listTestPersons',
        summary: 'Echo persons of your application',
        description: 'One accepts rings, one dismisses them, one ignores them. Only with a test key.',
        response: {
          200: answer('The persons.', TestPersons, {
            headers: LIMIT_HEADERS,
            examples: { one: { value: { persons: [EXAMPLE] } } },
          }),
          ...problems(...READ),
        },
      },
    },
    async (request) => ({ persons: (await context.link.testPersons(testApp(request), null)) ?? [] }),
  )
  app.post(
    '/v1/test/persons/:puid',
    {
      schema: {
        ...COMMON,
        operationId: 'changeTestPerson',
        summary: 'Steer an echo person',
        description: 'What is left out stays. The change goes the way of a real one: by a device, through presence.',
        params: record({ puid: Puid }),
        body: record(
          {
            behaviour: Type.Optional(BEHAVIOUR),
            presence: Type.Optional(PRESENCE),
            message: Type.Optional(MESSAGE),
            consent: Type.Optional(CONSENT),
          },
          { examples: [{ behaviour: 'dismiss', presence: 'away' }] },
        ),
        response: {
          200: answer('The person.', TestPersonView, {
            headers: LIMIT_HEADERS,
            examples: { one: { value: EXAMPLE } },
          }),
          ...problems(...WRITE),
        },
      },
    },
    async (request) => {
      const { puid } = request.params
      if (!PUID_PATTERN.test(puid)) throw new Problem('unknown-puid')
      const change: TestPersonChange = { puid, ...request.body }
      const persons = await context.link.testPersons(testApp(request), change)
      const person = persons?.find((one) => one.puid === puid)
      if (person === undefined) throw new Problem('unknown-puid')
      return person
    },
  )
}

function testApp(request: Parameters<typeof callerOf>[0]): number {
  const { app, key } = callerOf(request)
  if (key.mode !== 'test') throw new Problem('not-a-test-key')
  return app
}
