/** What is said about echo persons. */

/** What an echo person does with a ring. */
export type Behaviour = 'accept' | 'dismiss' | 'ignore'

/** How an echo person can be. */
export type TestPresence = 'online' | 'away' | 'unavailable' | 'offline'

/** An echo person of one application. */
export interface TestPerson {
  puid: string
  name: string
  behaviour: Behaviour
  presence: TestPresence
  message: string
}

/** What is to become of one; what is left out stays. */
export interface TestPersonChange {
  puid: string
  behaviour?: Behaviour
  presence?: TestPresence
  message?: string
  /** takes the consent back, tells the application or not; or gives it again */
  consent?: 'given' | 'revoked' | 'revoked-and-told'
}
