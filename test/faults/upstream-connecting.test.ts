/** The upstream can't be reached, or refuses, or isn't what it should be. */
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { brotliCompressSync, constants, createGzip, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { predict } from '../../src/core/predictor.ts'
import { program } from '../../src/core/program.ts'
import { oneCall } from '../support/programs.ts'
import { errorOf, predictionOf, Service, text } from '../support/service.ts'
import {
  completion,
  type Exchange,
  eventOf,
  only,
  type Script,
  Upstream,
  verbatim,
} from '../support/upstream.ts'

const noRetries = { LM_MAX_RETRIES: '0' }

/** Does this to each branch once both have asked, so that neither goes unasked. */
const both =
  (script: Script): Script =>
  async (exchange, upstream) => {
    await upstream.request(1)
    return script(exchange, upstream)
  }

test('U1 a refused connection ends the run and aborts the sibling', async (t) => {
  const arrived = Promise.withResolvers<void>()
  const late = program(
    { first: predict('question -> one'), second: predict('question -> two') },
    async ({ first, second }, { question }) => {
      const one = first({ question })
      await arrived.promise
      await Promise.all([one, second({ question })])
      return {}
    },
  )
  const service = await Service.start(t, {
    program: late,
    env: noRetries,
    script: (exchange, upstream) => {
      exchange.open().delta('[[ ## one ## ]]\nStill here')
      upstream.stopListening()
      arrived.resolve()
    },
  })
  errorOf(await service.ask('Q'), 'upstream_unreachable', 'second')
  await service.assertQuiet('upstream_unreachable')
  assert.equal(service.upstream.exchanges.length, 1)
  assert.ok(service.upstream.exchanges[0]?.wasAborted)
})

test('U1 a connection that is refused for good is tried as often as configured', async (t) => {
  const upstream = await Upstream.start()
  await upstream.close()
  const service = await Service.start(t, {
    program: oneCall,
    env: { OPENAI_BASE_URL: upstream.url, LM_MAX_RETRIES: '1' },
  })
  errorOf(await service.ask('Q'), 'upstream_unreachable', 'answerer')
  const [line] = await service.assertQuiet('upstream_unreachable')
  assert.equal(line?.retries, 1)
})

test('U2 an unknown host is unreachable, and its name stays inside', async (t) => {
  const service = await Service.start(t, {
    env: { ...noRetries, OPENAI_BASE_URL: 'http://no-such-host.invalid/v1' },
  })
  const error = errorOf(await service.ask('Q'), 'upstream_unreachable')
  assert.doesNotMatch(JSON.stringify(error), /no-such-host|invalid/)
  await service.assertQuiet('upstream_unreachable')
})

test('U2 an endpoint that speaks no HTTP is a bad response', async (t) => {
  const server = createServer((socket) => {
    socket.on('error', () => {}).once('data', () => socket.end('220 mail.example.com ESMTP\r\n'))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const { port } = server.address() as { port: number }
  const service = await Service.start(t, { env: { OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1` } })
  errorOf(await service.ask('Q'), 'upstream_bad_response')
  await service.assertQuiet('upstream_bad_response')
})

for (const status of [401, 403]) {
  test(`U3 ${status} is a refused key, asked with once per branch`, async (t) => {
    const service = await Service.start(t, {
      script: both((exchange) =>
        exchange.refuse(status, {
          error: { message: `Incorrect API key provided: ${exchange.headers.authorization}` },
        }),
      ),
    })
    const error = errorOf(await service.ask('Q'), 'upstream_auth')
    assert.match(error.message, /refused the service's key/)
    const [line] = await service.assertQuiet('upstream_auth')
    assert.match(String(line?.remedy), /OPENAI_API_KEY/)
    assert.deepEqual(service.upstream.exchanges.map(({ field }) => field).sort(), ['brainstorm', 'evidence'])
  })
}

test('U4 404 names the model that the endpoint does not know', async (t) => {
  const service = await Service.start(t, {
    env: { OPENAI_MODEL: 'gpt-0-nano' },
    script: both((exchange) => exchange.refuse(404)),
  })
  const error = errorOf(await service.ask('Q'), 'upstream_model_not_found')
  assert.match(error.message, /'gpt-0-nano'/)
  await service.assertQuiet('upstream_model_not_found')
  assert.equal(service.upstream.exchanges.length, 2)
})

test('U6 a rate limit beyond the deadline fails at once and says how long it lasts', async (t) => {
  const service = await Service.start(t, {
    script: both((exchange) => exchange.refuse(429, undefined, { 'retry-after': '120' })),
  })
  const frames = await service.ask('Q')
  assert.equal(errorOf(frames, 'upstream_rate_limited').retry_after, 120)
  assert.ok(!frames.some((frame) => frame.type === 'status' && frame.phase === 'waiting'))
  await service.assertQuiet('upstream_rate_limited')
  assert.equal(service.upstream.exchanges.length, 2)
})

for (const [status, error] of [
  [
    429,
    { code: 'insufficient_quota', type: 'insufficient_quota', message: 'You exceeded your current quota.' },
  ],
  [402, { code: 'unknown_error', message: 'Insufficient Balance' }],
] as const) {
  test(`U6 a spent quota (${status}) is neither waited for nor retryable`, async (t) => {
    const service = await Service.start(t, {
      program: oneCall,
      script: (exchange) => exchange.refuse(status, { error }, { 'retry-after': '1' }),
    })
    const frame = errorOf(await service.ask('Q'), 'upstream_rate_limited', 'answerer')
    assert.equal(frame.retryable, false)
    assert.match(frame.message, /quota .* is spent/)
    await service.assertQuiet('upstream_rate_limited')
    assert.equal(service.upstream.exchanges.length, 1)
  })
}

test('U6 a rate limit may name a date, or nothing', async (t) => {
  const service = await Service.start(t, {
    program: oneCall,
    env: noRetries,
    script: (exchange) =>
      exchange.refuse(429, undefined, {
        'retry-after': new Date(Date.now() + 3_600_000).toUTCString(),
      }),
  })
  const { retry_after } = errorOf(await service.ask('Q'), 'upstream_rate_limited')
  assert.ok(retry_after !== undefined && retry_after > 3_500 && retry_after <= 3_600)

  service.upstream.script = (exchange) => exchange.refuse(429)
  assert.equal(errorOf(await service.ask('Q'), 'upstream_rate_limited').retry_after, undefined)
  await service.assertQuiet('upstream_rate_limited', 'upstream_rate_limited')
})

const SECRET = 'hunter-two-pass'
const telling: Record<string, Script> = {
  'a refused key': (exchange) => exchange.refuse(400, { detail: `${SECRET} is none of ours` }),
  'a failure': (exchange) => exchange.refuse(500, { message: `no slot for ${SECRET}` }),
  'a text': (exchange) => exchange.refuse(500, `no slot for ${SECRET}`, { 'content-type': 'text/plain' }),
  'an event': (exchange) => exchange.open().raw(eventOf({ error: { message: `${SECRET}: gone` } })),
  'a finish reason': (exchange) => exchange.open().finish(`no-${SECRET}`),
  'a model name': (exchange) =>
    exchange
      .open()
      .deltas(completion({ reasoning: '', answer: 'Yes.' }))
      .chunk({ delta: {}, finish_reason: 'stop' })
      .raw(eventOf({ model: SECRET, choices: [], usage: { prompt_tokens: 1, completion_tokens: 1 } })),
}
for (const [what, script] of Object.entries(telling)) {
  test(`U38c the configured key reaches no client and no log, whatever it looks like (${what})`, async (t) => {
    const service = await Service.start(t, {
      program: oneCall,
      env: { ...noRetries, OPENAI_API_KEY: SECRET },
      script,
    })
    const reading = await service.open('Q', { include: ['usage'] })
    await reading.frames()
    await service.finished()
    const said = reading.text + JSON.stringify(service.log.lines)
    assert.ok(!said.includes(SECRET) && !said.includes('hunter'), said)
    if (what !== 'a model name') assert.match(reading.text, /\[key\]/)
  })
}

const spelled: Record<string, [status: number, body: unknown, code: string, message: RegExp]> = {
  'OpenAI, too long': [
    400,
    {
      error: { message: 'Too many tokens.', type: 'invalid_request_error', code: 'context_length_exceeded' },
    },
    'prompt_too_long',
    /too long/,
  ],
  'vLLM, too long': [
    400,
    { object: 'error', message: "This model's maximum context length is 4096 tokens.", code: 400 },
    'prompt_too_long',
    /too long/,
  ],
  'Anthropic, too long': [
    400,
    {
      error: { type: 'invalid_request_error', message: 'prompt is too long: 208310 tokens > 200000 maximum' },
    },
    'prompt_too_long',
    /too long/,
  ],
  'Gemini, in a list': [
    400,
    [{ error: { code: 400, message: 'Something is missing.', status: 'INVALID_ARGUMENT' } }],
    'upstream_bad_response',
    /status 400: Something is missing\.$/,
  ],
  'FastAPI, in a list of faults': [
    422,
    { detail: [{ type: 'missing', loc: ['body', 'x'], msg: 'Field required' }] },
    'upstream_bad_response',
    /status 422: Field required$/,
  ],
  'a list alone': [400, ['no'], 'upstream_bad_response', /status 400: no$/],
  'OpenAI, no such model': [
    400,
    { error: { message: 'The model `gpt-0` does not exist', code: 'model_not_found' } },
    'upstream_model_not_found',
    /'gpt-5-mini'/,
  ],
  'Ollama, no such model': [
    404,
    { error: 'model "gpt-0" not found' },
    'upstream_model_not_found',
    /'gpt-5-mini'/,
  ],
  'Azure, filtered': [
    400,
    { error: { code: 'content_filter', message: 'The response was filtered' } },
    'upstream_refused',
    /refused/,
  ],
}
for (const [what, [status, body, code, message]] of Object.entries(spelled)) {
  test(`U38d a refusal as others spell it (${what}) is ${code}`, async (t) => {
    const service = await Service.start(t, {
      program: oneCall,
      script: (exchange) => exchange.refuse(status, body),
    })
    assert.match(errorOf(await service.ask('Q'), code, 'answerer').message, message)
    await service.assertQuiet(code)
    assert.equal(service.upstream.exchanges.length, 1)
  })
}

test('U38d a stream without a word is asked for as often as the retries say, and the sentence guesses why', async (t) => {
  const service = await Service.start(t, {
    program: oneCall,
    env: { LM_MAX_RETRIES: '1' },
    script: (exchange) => void exchange.open().response.end(),
  })
  assert.match(errorOf(await service.ask('Q'), 'upstream_truncated').message, /prompt may be too long/)
  await service.assertQuiet('upstream_truncated')
  assert.equal(service.upstream.exchanges.length, 2)
})

const whole = `${eventOf({ choices: [{ delta: { content: completion({ reasoning: '', answer: 'Ja. 👩‍🚀' }) } }] })}data: [DONE] \n\n`
const packed: Record<string, [status: number, encoding: string, body: Buffer]> = {
  gzip: [200, 'gzip', gzipSync(whole)],
  deflate: [200, 'Deflate', deflateSync(whole)],
  br: [200, 'br', brotliCompressSync(whole)],
  zstd: [200, 'zstd', zstdCompressSync(whole)],
  'no encoding': [200, 'identity', Buffer.from(whole)],
  'status 201': [201, 'identity', Buffer.from(whole)],
}
for (const [what, [status, encoding, body]] of Object.entries(packed)) {
  test(`U38e ${what} is understood, although nobody asked for it`, async (t) => {
    const service = await Service.start(t, {
      program: oneCall,
      script: async ({ response }) => {
        response.writeHead(status, { 'content-type': 'text/event-stream', 'content-encoding': encoding })
        for (const byte of body) response.write(Uint8Array.of(byte))
        response.end()
      },
    })
    const { data } = predictionOf(await service.ask('Q'))
    assert.deepEqual(data, { reasoning: '', answer: 'Ja. 👩‍🚀' })
    assert.equal(service.upstream.exchanges[0]?.headers['accept-encoding'], 'identity')
    await service.assertQuiet('ok')
  })
}

test('U38e a compressed stream is passed on as it comes', async (t) => {
  const next = Promise.withResolvers<void>()
  const service = await Service.start(t, {
    program: oneCall,
    script: async ({ response }) => {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' })
      const gzip = createGzip({ flush: constants.Z_SYNC_FLUSH })
      gzip.pipe(response)
      gzip.write(eventOf({ choices: [{ delta: { content: '[[ ## answer ## ]]\nOne.' } }] }))
      await next.promise
      gzip.end(eventOf({ choices: [{ delta: { content: ' Two.' }, finish_reason: 'stop' }] }))
    },
  })
  const reading = await service.open('Q')
  await reading.until('One.')
  next.resolve()
  assert.equal(predictionOf(await reading.frames()).data.answer, 'One. Two.')
  await service.assertQuiet('ok')
})

const unreadable: Record<string, [headers: Record<string, string>, body: Buffer | string]> = {
  'gzip that is none': [{ 'content-encoding': 'gzip' }, whole],
  'an encoding that nobody knows': [{ 'content-encoding': 'rot13' }, whole],
}
for (const [what, [headers, body]] of Object.entries(unreadable)) {
  test(`U38e ${what} is a bad response`, async (t) => {
    const service = await Service.start(t, {
      program: oneCall,
      script: ({ response }) =>
        void response.writeHead(200, { 'content-type': 'text/event-stream', ...headers }).end(body),
    })
    errorOf(await service.ask('Q'), 'upstream_bad_response', 'answerer')
    await service.assertQuiet('upstream_bad_response')
    assert.equal(service.upstream.exchanges.length, 1)
  })
}

test('U38e gzip that breaks off is a cut stream; a compressed refusal is read', async (t) => {
  const service = await Service.start(t, {
    program: oneCall,
    env: noRetries,
    script: ({ response }) => {
      const begun = eventOf({ choices: [{ delta: { content: '[[ ## answer ## ]]\nHalf' } }] })
      response.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' })
      response.end(gzipSync(begun).subarray(0, -4))
    },
  })
  const frames = await service.ask('Q')
  errorOf(frames, 'upstream_truncated', 'answerer')
  assert.equal(text(frames, 'answerer', 'answer'), 'Half')

  service.upstream.script = ({ response }) => {
    const body = gzipSync(JSON.stringify({ error: { message: 'CUDA out of memory' } }))
    response.writeHead(500, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(body)
  }
  assert.match(errorOf(await service.ask('Q'), 'upstream_error').message, /CUDA out of memory/)
  await service.assertQuiet('upstream_truncated', 'upstream_error')
})

test('U38e `100 Continue` unasked, and 70 KB of headers, have their names', async (t) => {
  const service = await Service.start(t, {
    program: oneCall,
    script: ({ response }, upstream) => {
      response.writeContinue()
      return verbatim(whole)(upstream.exchanges.at(-1) as Exchange, upstream)
    },
  })
  assert.match(errorOf(await service.ask('Q'), 'upstream_bad_response').message, /100 Continue/)

  service.upstream.script = ({ response }) => {
    for (let nth = 0; nth < 70; nth++) response.setHeader(`x-${nth}`, 'x'.repeat(1_000))
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(whole)
  }
  assert.match(errorOf(await service.ask('Q'), 'upstream_bad_response').message, /headers .* too large/)
  await service.assertQuiet('upstream_bad_response', 'upstream_bad_response')
  assert.equal(service.upstream.exchanges.length, 2)
})

const notEventStreams: Record<string, [contentType: string, body: string]> = {
  'a page': ['text/html', '<html><body>Welcome to nginx!</body></html>'],
  JSON: ['application/json', JSON.stringify({ choices: [{ message: { content: 'Hello' } }] })],
  'a JSON error': ['application/json', JSON.stringify({ error: { message: 'no' } })],
  'nothing of any type': ['', ''],
}
for (const [what, [contentType, body]] of Object.entries(notEventStreams)) {
  test(`U20 ${what} with status 200 is no stream`, async (t) => {
    const service = await Service.start(t, {
      program: oneCall,
      script: ({ response }) => {
        response.writeHead(200, contentType === '' ? {} : { 'content-type': contentType }).end(body)
      },
    })
    errorOf(await service.ask('Q'), 'upstream_bad_response', 'answerer')
    await service.assertQuiet('upstream_bad_response')
    assert.equal(service.upstream.exchanges.length, 1)
  })
}

for (const status of [301, 307]) {
  test(`U36 a redirect (${status}) is not followed`, async (t) => {
    const other = await Upstream.start()
    t.after(() => other.close())
    const service = await Service.start(t, {
      script: only('brainstorm', (exchange) =>
        exchange.refuse(status, '', { location: `${other.url}/chat/completions` }),
      ),
    })
    const error = errorOf(await service.ask('Q'), 'upstream_bad_response', 'ideas.brainstorm')
    assert.match(error.message, /redirects/)
    await service.assertQuiet('upstream_bad_response')
    assert.equal(other.exchanges.length, 0)
    assert.equal(service.upstream.asking('brainstorm').length, 1)
  })
}

test('a refusal whose own body breaks off or never ends, or that has odd headers, is still that refusal', async (t) => {
  const service = await Service.start(t, {
    program: oneCall,
    env: noRetries,
    script: (exchange) => {
      exchange.response.writeHead(503, { 'content-length': 1_000, 'content-type': 'application/json' })
      exchange.raw('{"error": {"mess')
      setImmediate(() => exchange.reset())
    },
  })
  errorOf(await service.ask('Q'), 'upstream_error', 'answerer')

  service.upstream.script = ({ response }) => {
    response.writeHead(403, { 'content-type': 'text/plain' }).write('Go a')
  }
  errorOf(await service.ask('Q'), 'upstream_auth', 'answerer')

  service.upstream.script = ({ response }) => {
    response.socket?.end(
      'HTTP/1.1 401 No\r\nx-note: \u6b62\u3081\r\nset-cookie: a=1\r\nset-cookie: b=2\r\ncontent-length: 0\r\n\r\n',
    )
  }
  errorOf(await service.ask('Q'), 'upstream_auth', 'answerer')
  await service.assertQuiet('upstream_error', 'upstream_auth', 'upstream_auth')
})

test('other refusals are passed on in clean words', async (t) => {
  const service = await Service.start(t, {
    program: oneCall,
    script: (exchange) =>
      exchange.refuse(400, {
        error: { message: `Bad value at http://10.0.0.7:8000/v1?key=${'k'.repeat(40)}` },
      }),
  })
  const { message } = errorOf(await service.ask('Q'), 'upstream_bad_response', 'answerer')
  assert.equal(message, "The model's endpoint refused the request with status 400: Bad value at [address]")

  service.upstream.script = (exchange) =>
    exchange.refuse(400, { error: { message: 'Too long', code: 'context_length_exceeded' } })
  errorOf(await service.ask('Q'), 'prompt_too_long', 'answerer')
  await service.assertQuiet('upstream_bad_response', 'prompt_too_long')
})
