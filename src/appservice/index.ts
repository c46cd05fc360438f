/** `pilotlight/appservice`: the client library of the HTTP API for applications. */
export { AppService, type AppServiceOptions } from './app-service.js'
export { AppServiceError } from './error.js'
export type { Presence, RingRequest, RingState, StreamEvent, UnknownPuid } from './json.js'
export { Ring } from './ring.js'
export { verifyWebhook, WebhookError, type WebhookEvent, type WebhookHeaders } from './webhook.js'
