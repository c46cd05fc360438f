/** How often what happens in a simulated life. Times in virtual seconds. */

/** Mean seconds between such happenings; 0 never. */
export interface Rates {
  // each device
  stateS: number
  /** its NAT forgets the mapping, early and unseen */
  rebindS: number
  /** it comes to another network, and knows it */
  networkChangeS: number
  /** everything is lost for a while, unseen */
  darkS: number
  /** no network at all, and then another one, as it knows */
  airplaneS: number
  /** a network that lets no UDP pass, then another one, as it knows */
  blockedS: number
  /** a network that limits UDP: blocked, only small datagrams, only those to the server; or one that begins to */
  udpLimitS: number
  /** a network where nothing passes until the person has signed in */
  captiveS: number
  /** its WebSockets are reset or forgotten, or no new one can be opened for a while */
  tcpTroubleS: number
  appKillS: number
  /** its process dies at one of its next saves */
  saveKillS: number
  /** its process is not run, for up to an hour */
  suspendS: number
  /** its wall clock is set */
  clockSetS: number
  /** an old state of its flash is put in */
  oldFlashS: number
  /** a copy of its flash runs on another phone for a while */
  cloneS: number
  // each person, each AppService
  listEditS: number
  ringS: number
  /** somebody agrees in a browser */
  consentS: number
  /** each person: takes a consent back on one of the devices */
  revokeS: number
  /** each device: off for some minutes */
  offS: number
  // the server
  /** kill -9 */
  serverCrashS: number
  /** a planned stop */
  serverStopS: number
  /** it dies at one of its next commits, before or after */
  commitCrashS: number
  /** yesterday's disk is put in */
  oldDiskS: number
  /** a copy of its disk runs beside it for a while */
  serverCopyS: number
  // webhooks: 0 nobody has any
  /** each endpoint: something is wrong with it for a while */
  hookTroubleS: number
  /** the server dies at one of its next requests or answers */
  hookCrashS: number
  /** the thread that sends breaks */
  hookBreakS: number
  // attackers
  /** somebody on the path acts */
  hostileS: number
  /** a flood of message 1 with a right mac1 */
  floodS: number
  /** some seconds of many datagrams of one kind, by strangers and by enrolled devices that mean ill */
  siegeS: number
  /** a device that knows the protocol and means ill acts */
  peerS: number
}

export const NEVER: Rates = {
  stateS: 60,
  rebindS: 0,
  networkChangeS: 0,
  darkS: 0,
  airplaneS: 0,
  blockedS: 0,
  udpLimitS: 0,
  captiveS: 0,
  tcpTroubleS: 0,
  appKillS: 0,
  saveKillS: 0,
  suspendS: 0,
  clockSetS: 0,
  oldFlashS: 0,
  cloneS: 0,
  listEditS: 0,
  ringS: 20,
  consentS: 0,
  revokeS: 0,
  offS: 0,
  serverCrashS: 0,
  serverStopS: 0,
  commitCrashS: 0,
  oldDiskS: 0,
  serverCopyS: 0,
  hookTroubleS: 0,
  hookCrashS: 0,
  hookBreakS: 0,
  hostileS: 0,
  floodS: 0,
  siegeS: 0,
  peerS: 0,
}
