import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import test, { type TestContext } from 'node:test'
import {
  describeProgram,
  describePrograms,
  type Frame,
  IncompleteStreamError,
  NotTheServiceError,
  RefusedError,
  streamRun,
} from '../../src/client/index.ts'
import { predict } from '../../src/core/predictor.ts'
import { program } from '../../src/core/program.ts'
import { Service, text } from '../support/service.ts'

const counting = program(
  'text: str, limit: int -> count: int',
  { count: predict('text: str, limit: int -> count: int') },
  async ({ count }, inputs) => count(inputs),
)

/** A server that isn't the service, at an address of its own. */
async function foreign(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const sse = (body: string): RequestListener => {
  return (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(body)
  }
}

async function all(frames: AsyncIterable<Frame>): Promise<Frame[]> {
  return await Array.fromAsync(frames)
}

test('a run comes as typed frames, the last of them a prediction', async (t) => {
  const service = await Service.start(t)
  const frames = await all(streamRun({ url: service.url, question: 'why', include: ['reasoning', 'usage'] }))
  assert.equal(frames.at(-1)?.type, 'prediction')
  assert.equal(text(frames, 'compose', 'answer'), 'answer on why')
  assert.ok(frames.some(({ type }) => type === 'usage'))
  await service.assertQuiet('ok')
})

test('a program is asked by its name, with all of its inputs', async (t) => {
  const asked = { text: 'ACME', limit: 3 }
  const service = await Service.start(t, {
    program: counting,
    script: (exchange) => exchange.answer({ count: '3' }),
  })
  const { url } = service
  const include = ['values'] as const
  const frames = await all(streamRun({ url, program: 'program', inputs: asked, include }))
  assert.deepEqual(frames.at(-1), { type: 'prediction', data: { count: 3 } })
  assert.ok(frames.some((frame) => frame.type === 'value' && frame.value === 3))
  const [exchange] = service.upstream.exchanges
  assert.deepEqual([exchange?.input('text'), exchange?.input('limit')], ['ACME', '3'])

  await assert.rejects(all(streamRun({ url, inputs: { text: 'ACME' } })), (error) => {
    return error instanceof RefusedError && error.faults[0]?.pointer === '/limit'
  })
  for (const unknown of ['other', 'a/b?c']) {
    const isNotFound = (error: unknown) => error instanceof RefusedError && error.code === 'not_found'
    await assert.rejects(all(streamRun({ url, program: unknown, inputs: asked })), isNotFound)
    await assert.rejects(describeProgram({ url, program: unknown }), isNotFound)
  }
  await service.assertQuiet('ok')
})

test('a question and inputs are not given both, nor neither', () => {
  const url = 'http://127.0.0.1:8000'
  // @ts-expect-error one of them is needed
  void (() => streamRun({ url }))
  // @ts-expect-error and only one
  void (() => streamRun({ url, question: 'why', inputs: { question: 'why' } }))
})

test('all programs are described, and each by its name', async (t) => {
  const service = await Service.start(t, { program: counting })
  const { url } = service
  const description = await describeProgram({ url })
  assert.deepEqual(description.input_types, { text: 'str', limit: 'int' })
  assert.deepEqual(await describeProgram({ url, program: 'program' }), description)
  assert.deepEqual(await describePrograms({ url }), { default: 'program', programs: [description] })
})

test('an address may have a path and a slash at its end', async (t) => {
  const seen: (string | undefined)[] = []
  const url = await foreign(t, (request, response) => {
    seen.push(request.url)
    sse('data: [DONE]\n\n')(request, response)
  })
  for (const path of ['', '/', '/deep/er', '/deep/er/'])
    await all(streamRun({ url: url + path, question: 'why' }))
  assert.deepEqual(seen, ['/v1/stream', '/v1/stream', '/deep/er/v1/stream', '/deep/er/v1/stream'])
})

test('a stream without [DONE] gives what came, then says that it is incomplete', async (t) => {
  const status = '{"type":"status","message":"m","module":"a","phase":"start"}'
  for (const end of ['', 'data: {"type":"token","fi']) {
    const url = await foreign(t, sse(`data: ${status}\n\n${end}`))
    const frames = streamRun({ url, question: 'why' })
    assert.deepEqual((await frames.next()).value, JSON.parse(status))
    await assert.rejects(frames.next(), IncompleteStreamError)
  }
})

test('a connection that is reset is an incomplete stream too', async (t) => {
  const url = await foreign(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write('data: {"type":"status","message":"m","module":"a","phase":"start"}\n\n', () => {
      response.socket?.resetAndDestroy()
    })
  })
  await assert.rejects(all(streamRun({ url, question: 'why' })), IncompleteStreamError)
})

test('frames of unknown types, unknown keys and comments of a newer service do no harm', async (t) => {
  const events = [
    ': a comment\n\n',
    'event: news\ndata: {"type":"weather","sky":"blue"}\n\n',
    'data: {"type":"token","field":"f","predictor":"p","chunk":"c","is_last":true,"colour":"red"}\n\n',
    'data: null\n\n',
    'data: [DONE]\n\n',
    'data: {"type":"token","field":"f","predictor":"p","chunk":"after the end","is_last":true}\n\n',
  ]
  const url = await foreign(t, sse(events.join('')))
  const raw: string[] = []
  const frames = await all(streamRun({ url, question: 'why', onEvent: (data) => raw.push(data) }))
  assert.deepEqual(
    frames.map((frame) => frame.type === 'token' && frame.chunk),
    ['c'],
  )
  assert.equal(raw.length, 4)
})

test('a refusal has its code and pointers, and is not asked again', async (t) => {
  const service = await Service.start(t, { env: { MAX_QUESTION_CHARS: '5' } })
  const error = await all(streamRun({ url: service.url, question: 'far too long' })).then(
    () => assert.fail('no refusal'),
    (thrown) => thrown,
  )
  assert.ok(error instanceof RefusedError)
  assert.equal(error.status, 400)
  assert.equal(error.code, 'bad_body')
  assert.deepEqual(
    error.faults.map(({ pointer }) => pointer),
    ['/question'],
  )
})

test('a key goes into a header, and a missing or wrong one is a refusal', async (t) => {
  const apiKey = 'key-of-the-web-client'
  const service = await Service.start(t, { env: { API_KEYS: `web=${apiKey}` } })
  const { url } = service
  for (const wrong of [undefined, 'another']) {
    for (const ask of [
      () => all(streamRun({ url, question: 'why', apiKey: wrong })),
      () => describeProgram({ url, apiKey: wrong }),
    ]) {
      await assert.rejects(ask, (error) => {
        return error instanceof RefusedError && error.status === 401 && error.code === 'unauthorized'
      })
    }
  }
  assert.equal((await describeProgram({ url, apiKey })).predictors.length, 3)
  const frames = await all(streamRun({ url, question: 'why', apiKey }))
  assert.equal(frames.at(-1)?.type, 'prediction')
  const [line] = await service.assertQuiet('ok')
  assert.equal(line?.client, 'web')
})

test('a refusal says when to ask again', async (t) => {
  const service = await Service.start(t)
  await service.runs.drain(0)
  await assert.rejects(all(streamRun({ url: service.url, question: 'why' })), (error) => {
    return error instanceof RefusedError && error.code === 'shutting_down' && error.retryAfter === 5
  })
})

test('what is no Tributary service is said to be none', async (t) => {
  const url = await foreign(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>hello</h1>')
  })
  for (const ask of [() => all(streamRun({ url, question: 'why' })), () => describeProgram({ url })]) {
    await assert.rejects(ask, (error: Error) => {
      return error instanceof NotTheServiceError && error.message.includes('status 200 and text/html')
    })
  }
})

test('the run ends upstream when the signal aborts, and when the reader stops reading', async (t) => {
  const service = await Service.start(t, {
    script: (exchange) => exchange.open().delta('[[ ## brainstorm ## ]]\nfirst'),
  })
  const leaving = new AbortController()
  const reason = new Error('enough')
  await assert.rejects(async () => {
    for await (const frame of streamRun({ url: service.url, question: 'why', signal: leaving.signal })) {
      if (frame.type === 'token') leaving.abort(reason)
    }
  }, reason)
  for await (const frame of streamRun({ url: service.url, question: 'why' }))
    if (frame.type === 'token') break
  await service.assertQuiet('client_closed', 'client_closed')
  assert.ok(service.upstream.exchanges.every(({ wasAborted }) => wasAborted))
})

test('the program describes itself before a run', async (t) => {
  const service = await Service.start(t)
  assert.deepEqual(await describeProgram({ url: service.url }), {
    name: 'parallel-composer',
    inputs: {
      type: 'object',
      properties: {
        question: { type: 'string', minLength: 1, maxLength: 8000, description: 'What to answer.' },
      },
      required: ['question'],
      additionalProperties: false,
    },
    input_types: { question: 'str' },
    outputs: {
      type: 'object',
      properties: { reasoning: { type: 'string' }, answer: { type: 'string' } },
      required: ['reasoning', 'answer'],
    },
    answer: { predictor: 'compose', field: 'answer' },
    predictors: [
      {
        predictor: 'ideas.brainstorm',
        module: 'ideas',
        fields: ['brainstorm'],
        types: { brainstorm: 'str' },
        reasons: true,
        waits_for: [],
        status: { start: 'Spinning ideas...', end: 'Ideas ready.' },
      },
      {
        predictor: 'evidence.probe',
        module: 'evidence',
        fields: ['evidence'],
        types: { evidence: 'str' },
        reasons: true,
        waits_for: [],
        status: { start: 'Pulling evidence...', end: 'Evidence ready.' },
      },
      {
        predictor: 'compose',
        module: 'compose',
        fields: ['answer'],
        types: { answer: 'str' },
        reasons: true,
        waits_for: ['ideas.brainstorm', 'evidence.probe'],
      },
    ],
  })
})
