/** Every refusal leaves one line in the log, with nothing of what was sent in it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { RawClient } from '../support/raw-client.ts'
import { postBody } from '../support/refusals.ts'
import { type LogLine, Service } from '../support/service.ts'

const SECRET = 'for-nobody-else'

const head = (line: string, headers = '') => `${line} HTTP/1.1\r\nhost: localhost\r\n${headers}\r\n`

/** The lines of refusals, less what differs from one to the next. */
function refusalsOf({ log }: Service): object[] {
  return log.lines
    .filter(({ msg }) => msg === 'request refused')
    .map(({ time: _, pid: __, hostname: ___, msg: ____, ...line }: LogLine) => line)
}

const refused: Record<string, [request: string, code: string, status: number]> = {
  'what is no HTTP': [`${SECRET}\r\n\r\n`, 'bad_request', 400],
  'too many headers': [head('GET /livez', `x: ${SECRET.repeat(2_000)}\r\n`), 'headers_too_large', 431],
  'an unknown expectation': [head('GET /livez', `expect: ${SECRET}\r\n`), 'expectation_failed', 417],
  'two hosts': [head('GET /livez', `host: ${SECRET}\r\n`), 'bad_request', 400],
  'an address that can’t be decoded': [head(`GET /%zz?${SECRET}`), 'bad_request', 400],
  'another host': [
    head(`GET /?q=${SECRET}`, 'connection: close\r\n').replace('localhost', `${SECRET}.example`),
    'wrong_host',
    421,
  ],
  'an unknown path': [head(`GET /nowhere?q=${SECRET}`, 'connection: close\r\n'), 'not_found', 404],
  'a wrong method': [head(`PUT /livez?q=${SECRET}`, 'connection: close\r\n'), 'method_not_allowed', 405],
}

for (const [what, [request, code, status]] of Object.entries(refused)) {
  test(`a refusal of ${what} is logged`, async (t) => {
    const service = await Service.start(t)
    const answer = await RawClient.exchange(service, request)
    const id = /^x-request-id: (.+)\r$/m.exec(answer)?.[1]
    assert.ok(id, answer)
    assert.deepEqual(refusalsOf(service), [
      { level: 30, request_id: id, code, status, remote_address: '127.0.0.1' },
    ])
    assert.ok(!JSON.stringify(service.log.lines).includes(SECRET))
  })
}

test('a refused body is logged by its code alone', async (t) => {
  const service = await Service.start(t, { env: { MAX_QUESTION_CHARS: '5' } })
  const answers = [
    await postBody(service, JSON.stringify({ question: SECRET, [SECRET]: 1 })),
    await postBody(service, SECRET),
    await postBody(service, SECRET, { 'content-type': `text/${SECRET}` }),
    await postBody(service, SECRET.repeat(10_000)),
  ]
  const address = { level: 30, remote_address: '127.0.0.1' }
  const ids = answers.map(({ headers }) => headers.get('x-request-id'))
  assert.deepEqual(refusalsOf(service), [
    { ...address, request_id: ids[0], code: 'bad_body', status: 400 },
    { ...address, request_id: ids[1], code: 'bad_body', status: 400 },
    { ...address, request_id: ids[2], code: 'unsupported_media_type', status: 415 },
    { ...address, request_id: ids[3], code: 'body_too_large', status: 413 },
  ])
  assert.ok(!JSON.stringify(service.log.lines).includes(SECRET))
})
