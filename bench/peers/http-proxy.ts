/** The bytes of the same three answers, copied as HTTP with `node:http`. No event is looked at. */
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { listen } from '../listen.ts'

const url = `${process.env.UPSTREAM}/chat/completions`
const agent = new Agent({ keepAlive: true })

/** Settles when the answer has been copied whole. */
function copy(question: string, response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const source = request(url, {
      method: 'POST',
      agent,
      headers: { 'content-type': 'application/json', 'content-length': question.length },
    })
    source.on('response', (answer: IncomingMessage) =>
      answer.on('end', resolve).pipe(response, { end: false }),
    )
    source.on('error', resolve)
    response.on('close', () => source.destroy())
    source.end(question)
  })
}

const server = createServer(async (incoming, response) => {
  let question = ''
  for await (const piece of incoming) question += piece
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.setMaxListeners(0)
  await Promise.all([copy(question, response), copy(question, response)])
  await copy(question, response)
  response.end()
})

listen(server)
