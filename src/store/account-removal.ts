import type { DeviceHandle } from '../endpoint/message.js'
import type { PersonKey } from '../hub/message.js'
import type { Accounts } from './accounts.js'
import type { Devices } from './devices.js'

/** Removes a person with devices, list, sessions and codes. Null: there is no such account. */
export function removeAccount(
  { accounts, devices }: { accounts: Accounts; devices: Devices },
  account: string,
): { person: PersonKey; devices: DeviceHandle[] } | null {
  const person = accounts.find(account)
  if (person === null) return null
  const removed = devices.shownOfAccount(account).map(({ deviceId, device }) => {
    devices.remove(deviceId)
    return device
  })
  accounts.remove(person)
  return { person, devices: removed }
}
