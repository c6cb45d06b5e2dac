/** Which model a predictor asks, what that gets, and who is asked when it fails: over real sockets, with two endpoints. */
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { compose } from '../src/compose.ts'
import { readConfig } from '../src/config.ts'
import { predict } from '../src/core/predictor.ts'
import { type Program, type Programs, program } from '../src/core/program.ts'
import { cutModel } from './support/cut-model.ts'
import { errorOf, KEY, type LogLine, predictionOf, Service, text } from './support/service.ts'
import { echo, type Script, Upstream } from './support/upstream.ts'

type Options = Parameters<typeof predict<'question -> answer'>>[1]

/** One call, of a predictor with these options. */
const asking = (options: Options): Program =>
  program({ ask: predict('question -> answer', options) }, ({ ask }, { question }) => ask({ question }))

async function otherEndpoint(t: TestContext, script: Script = echo): Promise<Upstream> {
  const upstream = await Upstream.start(script)
  t.after(() => upstream.close())
  return upstream
}

/** A service whose role `fast` is at an endpoint of its own. */
async function withFast(
  t: TestContext,
  options: Options,
  scripts: { standard?: Script; fast?: Script } = {},
  env: Record<string, string> = {},
) {
  const fast = await otherEndpoint(t, scripts.fast)
  const service = await Service.start(t, {
    program: asking(options),
    ...(scripts.standard && { script: scripts.standard }),
    env: { LM_FAST_BASE_URL: fast.url, LM_FAST_MODEL: 'small', LM_MAX_RETRIES: '0', ...env },
  })
  return { service, fast, standard: service.upstream }
}

function onlyOne(program: Program): Programs {
  const named = { name: 'p', program }
  return { default: named, all: [named] }
}

/** What the log says of the run's first call. */
const firstCallOf = (line: LogLine | undefined) =>
  (line?.calls as { model?: string; attempts?: number }[] | undefined)?.[0] ?? assert.fail()

const bodyOf = async (t: TestContext, options: Options, env: Record<string, string> = {}) => {
  const service = await Service.start(t, { program: asking(options), env })
  predictionOf(await service.ask('Q'))
  return service.upstream.exchanges[0]?.body ?? assert.fail()
}

describe('settings', () => {
  it('that are unset are not sent', async (t) => {
    assert.deepEqual(Object.keys(await bodyOf(t, {})).sort(), ['messages', 'model', 'stream'])
  })

  it('are sent under the endpoint’s names', async (t) => {
    const { messages, ...body } = await bodyOf(t, {
      temperature: 0,
      topP: 0.5,
      maxTokens: 800,
      stop: ['END', '##'],
      reasoningEffort: 'low',
      extra: { top_k: 5, provider: { order: ['a'] } },
    })
    assert.equal(messages.length, 2)
    assert.deepEqual(body, {
      model: 'gpt-5-mini',
      stream: true,
      temperature: 0,
      top_p: 0.5,
      max_tokens: 800,
      stop: ['END', '##'],
      reasoning_effort: 'low',
      top_k: 5,
      provider: { order: ['a'] },
    })
  })

  it('ask for no more tokens than the service allows, and for no fewer than was said', async (t) => {
    const env = { MAX_COMPLETION_TOKENS: '500' }
    assert.equal((await bodyOf(t, { maxTokens: 800 }, env)).max_tokens, 500)
    assert.equal((await bodyOf(t, { maxTokens: 200 }, env)).max_tokens, 200)
    assert.equal((await bodyOf(t, {}, env)).max_tokens, 500)
  })
})

describe('roles', () => {
  it('have their own model, and get neither the default’s key nor its headers at another host', async (t) => {
    const env = { LM_HEADERS: '{"x-secret": "of the default"}' }
    const { service, fast, standard } = await withFast(t, { lm: 'fast' }, {}, env)
    const frames = await service.ask('Q', { include: ['usage'] })
    assert.deepEqual(predictionOf(frames).data, { answer: 'answer on Q' })
    assert.equal(frames.find((one) => one.type === 'usage')?.model, 'small')
    assert.equal(standard.exchanges.length, 0)
    const [{ headers, body } = assert.fail()] = fast.exchanges
    assert.equal(body.model, 'small')
    assert.equal(headers.authorization, undefined)
    assert.equal(headers['x-secret'], undefined)
    const [line] = await service.assertQuiet('ok')
    assert.equal(firstCallOf(line).model, 'small')
    const ready = await (await fetch(`${service.url}/readyz`)).json()
    assert.deepEqual(ready, {
      status: 'ready',
      model: { provider: 'openai', name: 'gpt-5-mini' },
      roles: { fast: { provider: 'openai', name: 'small' } },
    })
  })

  it('send their own key and headers', async (t) => {
    const env = { LM_FAST_API_KEY: 'sk-fast', LM_FAST_HEADERS: '{"X-Team": "blue", "user-agent": "me"}' }
    const { service, fast } = await withFast(t, { lm: 'fast' }, {}, env)
    predictionOf(await service.ask('Q'))
    const { headers } = fast.exchanges[0] ?? assert.fail()
    assert.equal(headers.authorization, 'Bearer sk-fast')
    assert.equal(headers['x-team'], 'blue')
    assert.equal(headers['user-agent'], 'me')
  })

  it('share the default’s endpoint and key where only the model is another', async (t) => {
    const env = { LM_FAST_MODEL: 'small', LM_HEADERS: '{"x-team": "blue"}' }
    const service = await Service.start(t, { program: asking({ lm: 'fast' }), env })
    predictionOf(await service.ask('Q'))
    const { headers, body } = service.upstream.exchanges[0] ?? assert.fail()
    assert.equal(body.model, 'small')
    assert.equal(headers.authorization, `Bearer ${KEY}`)
    assert.equal(headers['x-team'], 'blue')
  })

  it('have their key struck out of what their endpoint says', async (t) => {
    const { service } = await withFast(
      t,
      { lm: 'fast' },
      { fast: (exchange) => exchange.refuse(500, { error: { message: `sk-fast-1 and ${KEY} are wrong` } }) },
      { LM_FAST_API_KEY: 'sk-fast-1' },
    )
    const { message } = errorOf(await service.ask('Q'), 'upstream_error', 'ask')
    assert.equal(message, "The model's endpoint says: [key] and [key] are wrong")
    await service.assertQuiet('upstream_error')
  })

  it('that nobody has configured are the default, and a line at the start says so', async (t) => {
    const service = await Service.start(t, { program: asking({ lm: 'fast', fallbacks: ['best'] }) })
    predictionOf(await service.ask('Q'))
    const [line] = await service.assertQuiet('ok')
    assert.equal(firstCallOf(line).model, undefined)
    assert.equal('roles' in ((await (await fetch(`${service.url}/readyz`)).json()) as object), false)

    const lines: string[] = []
    const config = readConfig({ OPENAI_API_KEY: KEY, LM_BIG_MODEL: 'big' })
    const parts = (options: Options) =>
      compose(config, { log: (one) => lines.push(one), programs: onlyOne(asking(options)) })
    await parts({ lm: 'fast', fallbacks: ['big', 'best', 'default'] })
    assert.deepEqual(lines, [
      'The default model answers for the roles fast, best: no LM_FAST_… or LM_BEST_… is set.',
    ])
    await parts({ lm: 'big' })
    await parts({})
    assert.equal(lines.length, 1)
  })

  it('may have the embedded model beside an endpoint, and an endpoint beside it', async (t) => {
    const program = asking({ lm: 'fast', fallbacks: ['best', 'default'] })
    const service = await Service.start(t, { program, env: { LM_FAST_MODEL: 'local', LM_BEST_MODEL: 'big' } })
    const { model, roles } = (await (await fetch(`${service.url}/readyz`)).json()) as {
      model: { provider: string }
      roles: Record<string, { provider: string; name: string }>
    }
    assert.equal(model.provider, 'openai')
    assert.equal(roles.fast?.provider, 'local')
    assert.equal(roles.best?.name, 'big')

    const other = await otherEndpoint(t)
    const config = readConfig({ LM_FAST_BASE_URL: other.url, LM_BEST_MODEL: 'local' })
    const { lm } = await compose(config, { log: () => {}, programs: onlyOne(program) })
    t.after(() => lm.close?.())
    assert.equal(lm.model.provider, 'local')
    assert.deepEqual([...(lm.roles?.keys() ?? [])], ['fast'], 'one embedded model serves all')
  })
})

describe('a fallback', () => {
  const FAST_FIRST = { lm: 'fast', fallbacks: ['default'] }

  const cured: Record<string, Script> = {
    'a wrong key': (exchange) => exchange.refuse(401),
    'an unknown model': (exchange) => exchange.refuse(404),
    'a rate limit': (exchange) => exchange.refuse(429, undefined, { 'retry-after': '120' }),
    'a spent quota': (exchange) => exchange.refuse(429, { error: { code: 'insufficient_quota' } }),
    'a server error': (exchange) => exchange.refuse(500),
    'a cut connection': (exchange) => exchange.reset(),
    'an answer that is no stream': (exchange) => exchange.response.end('<html>'),
    'a stream that ends before its first text': (exchange) => exchange.open().response.end(),
    'too long a prompt': (exchange) =>
      exchange.refuse(400, { error: { code: 'context_length_exceeded', message: 'no' } }),
  }
  for (const [failure, script] of Object.entries(cured)) {
    it(`answers after ${failure}, and nobody sees it`, async (t) => {
      const { service, fast, standard } = await withFast(t, FAST_FIRST, { fast: script })
      const frames = await service.ask('Q')
      assert.deepEqual(predictionOf(frames).data, { answer: 'answer on Q' })
      assert.deepEqual([...new Set(frames.map(({ type }) => type))], ['token', 'prediction'])
      assert.equal(fast.exchanges.length, 1)
      assert.equal(standard.exchanges.length, 1)
      assert.deepEqual(standard.exchanges[0]?.body.messages, fast.exchanges[0]?.body.messages)
      const [line] = await service.assertQuiet('ok')
      assert.equal(firstCallOf(line).attempts, undefined)
    })
  }

  it('answers where nothing listens', async (t) => {
    const { service, fast } = await withFast(t, FAST_FIRST)
    await fast.close()
    assert.deepEqual(predictionOf(await service.ask('Q')).data, { answer: 'answer on Q' })
  })

  it('answers after a silence, and has all the time there is', async (t) => {
    const { service, standard } = await withFast(
      t,
      FAST_FIRST,
      { fast: (exchange) => exchange.open(), standard: () => {} },
      { LM_FIRST_TOKEN_TIMEOUT_MS: '400' },
    )
    const reading = service.ask('Q')
    const exchange = await standard.request(0)
    await sleep(200)
    exchange.answer({ answer: 'late' })
    assert.deepEqual(predictionOf(await reading).data, { answer: 'late' })
    await service.assertQuiet('ok')
  })

  it('sends the key to its own host alone', async (t) => {
    const { service, fast } = await withFast(
      t,
      { fallbacks: ['fast'] },
      { standard: (exchange) => exchange.refuse(503) },
    )
    predictionOf(await service.ask('Q'))
    assert.equal(service.upstream.exchanges[0]?.headers.authorization, `Bearer ${KEY}`)
    assert.equal(fast.exchanges[0]?.headers.authorization, undefined)
    assert.ok(!JSON.stringify(fast.exchanges[0]?.headers).includes(KEY))
    const [line] = await service.assertQuiet('ok')
    assert.equal(firstCallOf(line).model, 'small')
  })

  it('is not asked after a refusal of the model itself', async (t) => {
    const { service, standard } = await withFast(t, FAST_FIRST, {
      fast: (exchange) => exchange.open().finish('content_filter'),
    })
    errorOf(await service.ask('Q'), 'upstream_refused', 'ask')
    assert.equal(standard.exchanges.length, 0)
  })

  it('is the last word where it fails too', async (t) => {
    const { service } = await withFast(t, FAST_FIRST, {
      fast: (exchange) => exchange.refuse(401),
      standard: (exchange) => exchange.refuse(404),
    })
    errorOf(await service.ask('Q'), 'upstream_model_not_found', 'ask')
    await service.assertQuiet('upstream_model_not_found')
  })

  it('is not asked after the first chunk, unless further attempts are allowed', async (t) => {
    const halfway: Script = (exchange) => {
      exchange.open().deltas('[[ ## answer ## ]]\nSo far so g')
      exchange.response.end()
    }
    const once = await withFast(t, FAST_FIRST, { fast: halfway })
    errorOf(await once.service.ask('Q'), 'upstream_truncated', 'ask')
    assert.equal(once.standard.exchanges.length, 0)

    const twice = await withFast(t, { ...FAST_FIRST, attempts: 2 }, { fast: halfway })
    const frames = await twice.service.ask('Q')
    assert.deepEqual(
      frames.filter(({ type }) => type === 'reset'),
      [{ type: 'reset', keep: [], message: 'The model broke off. Its answer begins anew.' }],
    )
    assert.equal(text(frames, 'ask', 'answer'), 'answer on Q')
    assert.deepEqual(predictionOf(frames).data, { answer: 'answer on Q' })
    const [line] = await twice.service.assertQuiet('ok')
    assert.equal(firstCallOf(line).attempts, 2)
  })

  it('is silent while readers have seen nothing, such as in hidden reasoning', async (t) => {
    const { service } = await withFast(t, FAST_FIRST, {
      fast: (exchange) => {
        exchange.open().chunk({ delta: { reasoning_content: 'Hmm' } })
        exchange.response.end()
      },
    })
    const frames = await service.ask('Q')
    assert.deepEqual([...new Set(frames.map(({ type }) => type))], ['token', 'prediction'])
  })

  it('makes a question fit where its context is the larger one', async (t) => {
    const env = { LM_FAST_MODEL: 'local', LM: 'openai', LOCAL_MODEL: await cutModel() }
    const long = 'a long question '.repeat(400)
    const fitting = await Service.start(t, { program: asking(FAST_FIRST), env })
    assert.equal(predictionOf(await fitting.ask(long)).type, 'prediction')
    await fitting.assertQuiet('ok')
  })
})
