/** The upstream can't be reached, or refuses, or isn't what it should be. */
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { predict } from '../../src/core/predictor.ts'
import { program } from '../../src/core/program.ts'
import { oneCall } from '../support/programs.ts'
import { errorOf, Service } from '../support/service.ts'
import { only, type Script, Upstream } from '../support/upstream.ts'

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
    assert.match(error.message, /OPENAI_API_KEY/)
    await service.assertQuiet('upstream_auth')
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
