import { readFileSync } from 'node:fs'
import t from 'tap'
import { energyboxFile, radioProfile } from '../../bench/models/load.js'
import { radioUsage } from '../../bench/models/radio.js'
import { radioPackets } from '../../bench/pcap/direction.js'
import { parsePcap } from '../../bench/pcap/pcap.js'
import { acceptedProfiles } from '../../bench/scenarios/energy/accepted.js'
import { secondsApart } from '../../bench/scenarios/energy/oracle.js'
import { publishedFigures, validateAll, validateOne } from '../../bench/scenarios/energy/validate.js'

const trace = energyboxFile('test1.pcap')
const skip = trace === null && "EnergyBox's trace not found"
const rows = validateAll('1')

t.test('every row A of the research is there', async (t) => {
  const rowsA = new Set(rows.filter(({ grade }) => grade === 'A').map(({ id }) => id))
  t.same([...rowsA].sort(), ['V1', 'V16', 'V17', 'V18', 'V3', 'V4', 'V5', 'V6', 'V7', 'V9'])
})

t.test('no row is out', async (t) => {
  for (const { id, what, verdict, got, expected } of rows) {
    if (verdict !== 'skipped') t.equal(verdict, 'ok', `${id} ${what}: ${got}, expected ${expected}`)
  }
})

t.test('the rows from EnergyBox are measured', { skip }, async (t) => {
  t.equal(rows.filter(({ verdict }) => verdict === 'skipped').length, 0)
})

t.test('a row that is out is told', async (t) => {
  const figure = publishedFigures().find(({ id }) => id === 'V7')!
  t.match(validateOne({ ...figure, expected: 12 }, '1'), { verdict: 'out' })
  t.match(validateOne({ ...figure, expected: [1, 2], tolerance: null }, '1'), { verdict: 'out' })
  t.match(validateOne({ ...figure, expected: [11, 12], tolerance: null }, '1'), { verdict: 'ok', error: 0 })
  t.throws(() => validateOne({ ...figure, measure: 'guess' }, '1'), /names no measure/)
})

t.test('the oracle finds a model that is a state off', { skip }, async (t) => {
  const packets = radioPackets(parsePcap(readFileSync(trace!)), null)
  const { changes } = radioUsage(radioProfile('energybox-3g'), packets)
  const csv = readFileSync(energyboxFile('test1_3g.csv')!, 'utf8')
  const states = { '0': 'IDLE', '1': 'FACH', '3': 'DCH' }
  t.ok(secondsApart(csv, states, changes) < 0.001)
  t.ok(secondsApart(csv, states, changes.slice(0, -2)) > 1)
})

t.test('the keepalive table takes what was measured, and says why not the others', { skip }, async (t) => {
  const { accepted, refused } = acceptedProfiles()
  t.ok(accepted.includes('energybox-3g') && accepted.includes('huang-lte-2012') && accepted.length >= 12)
  t.match(
    refused.find(({ name }) => name === 'haverinen-3g-2007'),
    { reason: 'its notes say why' },
  )
  t.match(
    refused.find(({ name }) => name === 'nb-iot-rai'),
    { reason: 'not the modem of a phone' },
  )
})
