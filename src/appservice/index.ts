/** `pilotlight/appservice`: the client library of the HTTP API for applications. */
export { AppService, type AppServiceOptions } from './app-service.js'
export { AppServiceError, type ErrorCode } from './error.js'
export type {
  Answer,
  Input,
  Path,
  Presence,
  RingRequest,
  RingState,
  StreamEvent,
  UnknownPuid,
  WebhookEvent,
} from './json.js'
export { Ring } from './ring.js'
export { verifyWebhook, WebhookError, type WebhookHeaders } from './webhook.js'
