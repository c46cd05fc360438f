import { readFileSync } from 'node:fs'
import { BenchError } from '../bench-error.js'
import { radioProfile } from '../models/load.js'
import { radioUsage } from '../models/radio.js'
import { radioPackets } from '../pcap/direction.js'
import { parsePcap } from '../pcap/pcap.js'
import type { Outcome, Request, Scenario } from '../scenario.js'
import { publishedFigures, validateAll } from './energy/validate.js'
import { validationPlots } from './energy/validation-plots.js'
import { validationTables } from './energy/validation-tables.js'

/** Radio state machines, driven by a capture, or held to published figures. */
export const energy: Scenario = {
  name: 'energy',
  summary: 'joules of a capture on a radio profile; `validate` holds the models to published figures',
  actions: ['validate'],
  options: {
    pcap: { type: 'string', placeholder: 'FILE', help: 'a capture in pcap format' },
    profile: { type: 'string', placeholder: 'NAME', help: 'radio profile: a file in bench/models/radio' },
    device: {
      type: 'string',
      placeholder: 'ADDRESS',
      help: "the device's IP address, where the capture does not tell",
    },
  },
  wordsInAll: [['validate']],
  wordsInSmoke: [['validate']],
  checkSmoke,
  run: async (request) => (request.action === 'validate' ? validate(request) : charge(request)),
}

function charge({ values, progress }: Request): Outcome {
  const [file, name, device] = [text(values['pcap']), text(values['profile']), text(values['device'])]
  if (file === null) throw new BenchError('energy needs --pcap FILE and --profile NAME, or the action validate')
  if (name === null) throw new BenchError('--pcap needs --profile NAME')
  const profile = radioProfile(name)
  const capture = parsePcap(read(file))
  if (capture.isTruncated) progress(`energy: ${file} ends inside a frame; that frame is left out`)
  const packets = radioPackets(capture, device)
  if (packets.length === 0) throw new BenchError(`${file} holds no whole frame`)
  const { joules, secondsByState } = radioUsage(profile, packets)
  const upPackets = packets.filter(({ up }) => up).length
  return {
    result: { joules, secondsByState },
    parameters: { pcap: file, profile, linkType: capture.linkType.name, packets: packets.length, upPackets },
    tables: [
      {
        title: `${file} on ${name}: ${joules.toFixed(3)} J`,
        columns: ['state', 's'],
        rows: Object.entries(secondsByState),
        notes: [profile.source],
      },
    ],
    exitCode: 0,
  }
}

function validate({ values, seed }: Request): Outcome {
  for (const option of ['pcap', 'profile', 'device']) {
    if (values[option] !== undefined) throw new BenchError(`--${option} says nothing to validate`)
  }
  const rows = validateAll(seed)
  const count = (verdict: string) => rows.filter((row) => row.verdict === verdict).length
  const [passed, out, skipped] = [count('ok'), count('out'), count('skipped')]
  return {
    result: { passed, out, skipped, rows },
    parameters: { table: 'bench/models/validation.json' },
    tables: validationTables(rows),
    plots: validationPlots(rows),
    exitCode: out === 0 ? 0 : 1,
  }
}

function checkSmoke({ result, exitCode }: Outcome): string[] {
  const { passed, out, skipped } = result as Record<string, number>
  const isWhole = (passed ?? 0) + (skipped ?? 0) === publishedFigures().length
  return exitCode === 0 && isWhole ? [] : [`${passed} figures are met, ${out} are out, ${skipped} skipped`]
}

function read(file: string): Uint8Array {
  try {
    return readFileSync(file)
  } catch (error) {
    throw new BenchError(`--pcap ${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'})`)
  }
}

function text(value: string | boolean | undefined): string | null {
  return typeof value === 'string' ? value : null
}
