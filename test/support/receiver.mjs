// An endpoint for webhooks as a process of its own: one line of JSON for its port, then one for each request. Lines on stdin say
// how the next requests are answered: {"status":500,"headers":{}} or {"hang":true}; else with 204. {"release":true} answers with
// 204 all that hang.
import { createServer } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { createInterface } from 'node:readline'

const answers = []
const hanging = []
createInterface({ input: process.stdin }).on('line', (line) => {
  const told = JSON.parse(line)
  if (told.release) for (const response of hanging.splice(0)) response.writeHead(204).end()
  else answers.push(told)
  process.stdout.write('{"told":true}\n')
})
process.stdin.on('end', () => process.exit(0))

const { PILOTLIGHT_TEST_CERT: cert, PILOTLIGHT_TEST_KEY: key } = process.env // PEM: then by TLS
const take = (request, response) => {
  let body = ''
  request.setEncoding('utf8').on('data', (text) => {
    body += text
  })
  request.on('end', () => {
    const { status = 204, headers = {}, hang = false, body: answer = '' } = answers.shift() ?? {}
    if (hang) hanging.push(response)
    else response.writeHead(status, headers).end(answer)
    process.stdout.write(`${JSON.stringify({ path: request.url, headers: request.headers, body })}\n`)
  })
}
const server = cert === undefined ? createServer(take) : createSecureServer({ cert, key }, take)
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`)
})
