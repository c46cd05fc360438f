// A device: enrols, lets an application see its person, and takes every ring.
// node device.js http://localhost:7351 CODE APP
import { connect, enrol } from 'pilotlight/client/node'

const [url = '', code = '', app = ''] = process.argv.slice(2)
const credentials = await enrol({ url, code, name: 'phone' })
const device = await connect({ credentials, storage: 'phone.state' })

device.on('ring', async (ring) => {
  console.log(`rings: ${ring.title}`)
  ring.shown()
  console.log(`ended: ${await ring.accept()}`)
  await device.close()
})

await device.whenOnline()
device.active()
console.log(`PUID: ${await device.allow(app)}`)
