import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type {
  FastifyBaseLogger,
  FastifyInstance,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify'
import type { Shedding } from '../base/shedding.js'
import type { Channels } from './channel/channels.js'
import type { Link } from './link.js'
import type { Metrics } from './metrics.js'
import type { SidecarSettings } from './options.js'
import type { Quota } from './quota.js'
import type { RingRoom } from './ring-room.js'

/** A Fastify instance whose handlers are typed by the routes' schemas. */
export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

/** What every route may use. */
export interface Context {
  readonly settings: SidecarSettings
  readonly link: Link
  readonly channels: Channels
  readonly metrics: Metrics
  readonly quota: Quota
  /** which reads of presence are done when not all requests can be */
  readonly reads: Shedding
  /** which rings are taken, likewise */
  readonly rings: RingRoom
  /** monotonic */
  nowMs(): number
}
