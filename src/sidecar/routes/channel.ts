import type { FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { WEBSOCKET_PATH, WEBSOCKET_PROTOCOL } from '../../packet/constants.js'
import { limitKey } from '../address.js'
import { isWebSocketUpgrade, takeUpgrade } from '../channel/upgrade.js'
import type { App, Context } from '../context.js'
import { whenReady } from '../guard.js'
import { Problem } from '../problem.js'
import { answer, problems } from '../schema.js'

/** RFC 6455 §4.1 */
const WEBSOCKET_VERSION = '13'
const WEBSOCKET_KEY = /^[+/0-9A-Za-z]{22}==$/

/** `GET /v1/channel`: the device channel over WebSocket (wire-spec §8.3). */
export function channelRoutes(app: App, context: Context): void {
  app.get(
    WEBSOCKET_PATH,
    {
      onRequest: [demandWebSocket, whenReady(context), withinChannelLimits(context)],
      exposeHeadRoute: false,
      schema: {
        operationId: 'openChannel',
        summary: 'The device channel over WebSocket',
        description: `For devices, not for applications: an upgrade to WebSocket with the subprotocol \`${WEBSOCKET_PROTOCOL}\`. Each binary message is one datagram of the wire protocol.`,
        tags: ['devices'],
        security: [],
        response: {
          101: answer('The connection is a WebSocket from now on.', Type.Null()),
          ...problems('bad-upgrade', 'upgrade-required', 'too-many-channels'),
        },
      },
    },
    async (request, reply) => {
      const upgrade = takeUpgrade(request.raw)
      if (upgrade === null) throw new Problem('upgrade-required')
      reply.hijack()
      context.channels.accept(request.raw, upgrade.socket, upgrade.head, limitKey(request.ip))
    },
  )
}

async function demandWebSocket({ raw, headers }: FastifyRequest): Promise<void> {
  if (!isWebSocketUpgrade(raw)) throw new Problem('upgrade-required', '', { upgrade: 'websocket' })
  if (headers['sec-websocket-version'] !== WEBSOCKET_VERSION) {
    const accepted = { upgrade: 'websocket', 'sec-websocket-version': WEBSOCKET_VERSION }
    throw new Problem('upgrade-required', `Sec-WebSocket-Version must be ${WEBSOCKET_VERSION}.`, accepted)
  }
  if (!WEBSOCKET_KEY.test(headers['sec-websocket-key'] ?? '')) {
    throw new Problem('bad-upgrade', 'Sec-WebSocket-Key must be 16 bytes in base64.')
  }
  const offered = (headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
  if (!offered.includes(WEBSOCKET_PROTOCOL)) throw new Problem('bad-upgrade')
}

function withinChannelLimits({ channels }: Context): (request: FastifyRequest) => Promise<void> {
  return async (request) => {
    const refusal = channels.refusal(limitKey(request.ip))
    if (refusal === 'address') throw new Problem('too-many-channels', '', { 'retry-after': '60' })
    if (refusal === 'total') throw new Problem('unavailable', 'All channels are in use.', { 'retry-after': '60' })
  }
}
