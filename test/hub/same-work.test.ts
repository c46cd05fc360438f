/**
 * Answers that read alike take alike: what is counted is the work that could tell by its time what was found. PUIDs that
 * are not authentic are one class, those of whoever is not to be seen another: docs/presence.md.
 */
import t from 'tap'
import { base64url } from '../../src/base/base64.js'
import type { Crypto } from '../../src/crypto/crypto.js'
import { nobleCrypto } from '../../src/crypto/noble.js'
import type { HubReply, HubRequest } from '../../src/hub/message.js'
import { APP, BLOCKED, House, listFor, OTHER_APP, type Phone } from './house.js'

const R = 1_700_000_000
const REDIRECT = 'https://chat.example/cb'
const CHALLENGE = 'c'.repeat(43)

/** A house that counts: calls of each primitive, and requests to the store. */
function countingHouse(): { house: House; work(act: () => void): Record<string, number> } {
  let counts: Record<string, number> = {}
  const count = (name: string) => {
    counts[name] = (counts[name] ?? 0) + 1
  }
  const crypto = new Proxy(nobleCrypto, {
    get(target, name: keyof Crypto) {
      const value = target[name] as unknown
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        count(name)
        return value.apply(target, args)
      }
    },
  })
  const house = new House({ crypto })
  const commit = house.commit.bind(house)
  house.commit = (request) => {
    count(request.kind)
    commit(request)
  }
  const work = (act: () => void) => {
    counts = {}
    act()
    return counts
  }
  return { house, work }
}

/** All that came of a request, but for ids, the PUID that was asked, and how many rings are open, which the sender knows. */
function answers(house: House, request: HubRequest, puid = 'none'): unknown[] {
  house.replies = []
  house.ask(request)
  const isId = (key: string, value: unknown) => ['request', 'stream', 'ring'].includes(key) && typeof value !== 'object'
  const told = JSON.stringify(house.replies, function (this: { policy?: string }, key, value) {
    const isOpenRings = this.policy === 'rings' && key === 'remaining'
    return isId(key, value) || isOpenRings ? 'any' : value
  })
  return JSON.parse(told.replaceAll(puid, 'PUID'))
}

const asks: Record<string, (house: House, puid: string) => HubRequest> = {
  presence: (house, puid) => ({ kind: 'presence', request: house.nextRequest(), app: APP, puids: [puid] }),
  stream: (house, puid) => ({
    kind: 'subscribe',
    stream: house.nextRequest(),
    app: APP,
    puids: [puid],
    heardBootMs: null,
  }),
  ring: (house, puid) => {
    const content = { title: 'T', body: '', url: '', payload: '' }
    const plain = { strategy: 'all', stepMs: 0, collapseKey: '' } as const
    const ring = { to: [puid], ...content, ...plain, deadlineInMs: 30_000, idempotencyKey: '' }
    return { kind: 'ring', request: house.nextRequest(), app: APP, ring }
  },
}

/** Persons: 1 is visible to both applications, 2 revoked, 3 blocks, 4 is out of contact, 5 was removed, 6 never consented. */
function crowd(house: House): void {
  const lists = [[{ rotation: R }], [], [{ rotation: R, flags: BLOCKED }], [{ rotation: R }], [{ rotation: R }], []]
  lists.forEach((entries, i) => {
    const [phone] = house.person(i + 1) as [Phone]
    phone.contact('active', true)
    phone.putList(listFor([{ rotation: R }]))
    phone.putList(listFor(entries))
    if (i === 3) phone.lose()
  })
  house.ask({ kind: 'account-removed', person: 5, devices: [] })
  house.advance(60_000)
}

t.test('PUIDs that are not authentic for the application: one answer, one opening, nothing stored', (t) => {
  for (const [name, ask] of Object.entries(asks)) {
    const { house, work } = countingHouse()
    crowd(house)
    const forged = (byte: number) => `p_${base64url(new Uint8Array(36).fill(byte))}`
    const flipped = house.puid(1, APP, R).slice(0, -1) + (house.puid(1, APP, R).endsWith('A') ? 'B' : 'A')
    const puids = [forged(0), forged(255), house.puid(1, OTHER_APP, R), house.puid(2, OTHER_APP, R), flipped]
    const seen = puids.map((puid) => {
      let told: unknown
      const counts = work(() => {
        told = answers(house, ask(house, puid), puid)
      })
      t.equal(counts['open'], 1, 'the test counts what is done')
      return { told, counts }
    })
    for (const one of seen) t.strictSame(one, seen[0], name)
    t.notOk(JSON.stringify(Object.keys(seen[0]?.counts ?? {})).includes('put-'), 'nothing is stored')
  }
  t.end()
})

t.test('authentic PUIDs of whoever is not to be seen: one answer, one work, whatever the reason', (t) => {
  for (const [name, ask] of Object.entries(asks)) {
    const { house, work } = countingHouse()
    crowd(house)
    const gone: Record<string, string> = {
      revoked: house.puid(2, APP, R),
      blocked: house.puid(3, APP, R),
      'never consented': house.puid(1, APP, R + 5),
      'never consented to anybody': house.puid(6, APP, 12),
      'out of contact': house.puid(4, APP, R),
      removed: house.puid(5, APP, R),
    }
    const seen = Object.entries(gone).map(([why, puid]) => {
      let told: unknown
      const counts = work(() => {
        told = answers(house, ask(house, puid), puid)
      })
      return { why, counts, told }
    })
    const [first] = seen
    for (const { why, counts, told } of seen) {
      t.strictSame(counts, first?.counts, `${name}, ${why}: work`)
      if (name === 'ring') t.strictSame(told, first?.told, `${name}, ${why}`)
      else t.strictSame(states(told as HubReply[]), states(first?.told as HubReply[]), `${name}, ${why}`)
    }
    let told: unknown
    work(() => {
      told = answers(house, ask(house, house.puid(1, APP, R)))
    })
    if (name !== 'ring')
      t.not(states(told as HubReply[]), states(first?.told as HubReply[]), 'who is there reads otherwise')
  }
  t.end()
})

/** What is told of persons but for times and versions, which are those of when each was last seen. */
function states(told: HubReply[]): string {
  const views = told.flatMap((reply) => ('views' in reply ? reply.views : []))
  return JSON.stringify(views.map(({ state, message, cause }) => [state, message, cause]))
}

t.test('codes: whatever is wrong with one, the same refusal, one hash, and no wait for the store', (t) => {
  const { house, work } = countingHouse()
  const [phone] = house.person(1) as [Phone]
  phone.contact('active', true)
  phone.putList(listFor([]))
  const consent = () => {
    const asked = { app: APP, person: 1, redirectUri: REDIRECT, challenge: CHALLENGE, windows: [], zone: '' }
    house.ask({ kind: 'consent', request: house.nextRequest(), ...asked })
    return house.take('consented').at(-1)?.code ?? ''
  }
  const exchange = (code: string, more: object = {}): HubRequest => {
    const fields = { app: APP, code, redirectUri: REDIRECT, challenge: CHALLENGE, ...more }
    return { kind: 'consent-exchange', request: house.nextRequest(), ...fields } as HubRequest
  }
  const used = consent()
  t.match(answers(house, exchange(used)), [{ kind: 'consent-exchanged' }])
  const old = consent()
  house.advance(59_990)
  const requests: Record<string, HubRequest> = {
    'another redirect URI': exchange(consent(), { redirectUri: `${REDIRECT}/` }),
    'another verifier': exchange(consent(), { challenge: 'd'.repeat(43) }),
    'both wrong': exchange(consent(), { redirectUri: 'x', challenge: 'd'.repeat(43) }),
    "another application's": exchange(consent(), { app: OTHER_APP }),
    unknown: exchange('nothing'),
    reused: exchange(used),
  }
  house.isStoreHeld = true
  for (const [name, request] of Object.entries(requests)) {
    let told: unknown
    const { hash, ...others } = work(() => {
      told = answers(house, request)
    })
    t.match(told, [{ kind: 'error', code: 'invalid-grant', detail: '' }], name)
    t.equal(hash, 1, name)
    t.strictSame(others, {}, name)
  }
  t.equal(house.held.length, 1, 'what a reused code gave is taken back, after the answer')
  house.advance(20)
  t.match(answers(house, exchange(old)), [{ kind: 'error', code: 'invalid-grant' }], 'late')
  t.end()
})
