// An AppService: is the person there? Then ring them.
// node appservice.js http://localhost:7351 API_KEY PUID
import { AppService } from 'pilotlight/appservice'

const [url = '', apiKey = '', puid = ''] = process.argv.slice(2)
const service = new AppService({ url, apiKey })

const { state } = await service.presence(puid)
console.log(`the person is ${state}`)

const ring = await service.ring({ to: puid, title: 'Ben calls', deadlineSeconds: 30 })
console.log(`the ring was ${(await ring.outcome()).state}`)
