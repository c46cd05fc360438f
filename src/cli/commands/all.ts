/** Every command, in the order of the help. */
import type { Command } from '../command.js'
import { ACCOUNT_COMMANDS } from './account.js'
import { APP_COMMANDS } from './app.js'
import { APPLICATION_COMMANDS } from './application.js'
import { DEVICE_COMMANDS } from './device.js'
import { OPERATE_COMMANDS } from './operate.js'
import { SERVE } from './serve.js'
import { WEBHOOK_COMMANDS } from './webhook.js'

/** The commands of `pilotlight`. */
export const COMMANDS: readonly Command[] = [
  SERVE,
  ...ACCOUNT_COMMANDS,
  ...APP_COMMANDS,
  ...WEBHOOK_COMMANDS,
  ...DEVICE_COMMANDS,
  ...APPLICATION_COMMANDS,
  ...OPERATE_COMMANDS,
]
