// An endpoint for webhooks as a process of its own: one line of JSON for its port, then one for each request. Lines on stdin say
// how the next requests are answered: {"status":500,"headers":{}} or {"hang":true}; else with 204.
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'

const answers = []
createInterface({ input: process.stdin }).on('line', (line) => {
  answers.push(JSON.parse(line))
  process.stdout.write('{"told":true}\n')
})
process.stdin.on('end', () => process.exit(0))

const server = createServer((request, response) => {
  let body = ''
  request.setEncoding('utf8').on('data', (text) => {
    body += text
  })
  request.on('end', () => {
    const { status = 204, headers = {}, hang = false, body: answer = '' } = answers.shift() ?? {}
    if (!hang) response.writeHead(status, headers).end(answer)
    process.stdout.write(`${JSON.stringify({ path: request.url, headers: request.headers, body })}\n`)
  })
})
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: server.address().port })}\n`)
})
