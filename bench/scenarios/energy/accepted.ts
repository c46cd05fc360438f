import { loadRadioProfiles } from '../../models/load.js'
import { publishedFigures, validateOne } from './validate.js'

/** Radio profiles for the keepalive table, and why the others are not in it. */
export interface Acceptance {
  accepted: string[]
  refused: { name: string; reason: string }[]
}

/**
 * A profile is accepted if a published figure was measured on it and none of its figures is out. Modems of sensors are
 * left out of a month of phones.
 */
export function acceptedProfiles(): Acceptance {
  const verdicts = new Map<string, string[]>()
  for (const figure of publishedFigures()) {
    const { profile } = figure.arguments
    if (typeof profile !== 'string') continue
    const { id, verdict } = validateOne(figure, '1')
    verdicts.set(profile, [...(verdicts.get(profile) ?? []), verdict === 'ok' ? 'ok' : `${id} ${verdict}`])
  }
  const acceptance: Acceptance = { accepted: [], refused: [] }
  for (const { name, device, inKeepaliveTable } of loadRadioProfiles().values()) {
    const told = verdicts.get(name)
    const wrong = told?.find((verdict) => verdict !== 'ok')
    const reason =
      told === undefined
        ? 'no row of the validation table measures it'
        : wrong !== undefined
          ? wrong
          : device !== 'phone'
            ? 'not the modem of a phone'
            : inKeepaliveTable === false
              ? 'its notes say why'
              : null
    if (reason === null) acceptance.accepted.push(name)
    else acceptance.refused.push({ name, reason })
  }
  return acceptance
}
