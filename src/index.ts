/** `pilotlight`: the server as a library. A device is `pilotlight/client`, an application's back end `pilotlight/appservice`. */
export { ERRORS, type ErrorCode, PilotlightError } from './base/errors.js'
export { LOG_LEVELS, type LogLevel } from './io/log.js'
export { type Server, type ServerOptions, startServer } from './io/server.js'
export { SERVER_ERRORS, ServerError, type ServerErrorCode } from './io/server-error.js'
