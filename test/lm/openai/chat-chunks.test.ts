import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { RunError } from '../../../src/core/errors.ts'
import type { Delta } from '../../../src/core/lm.ts'
import { clean } from '../../../src/lm/openai/upstream-words.ts'
import { striking } from '../../../src/secrets.ts'

const encode = (text: string) => new TextEncoder().encode(text)
const event = (chunk: object) => `data: ${JSON.stringify(chunk)}\n\n`
const piece = (delta: object) => event({ choices: [{ delta }] })

import { chatChunks } from '../../support/lm.ts'

/** What comes of a body that arrives in these reads: its deltas, or the code that it failed with behind them. */
function read(reads: readonly Uint8Array[]): (Delta | string)[] {
  const chunks = chatChunks(10_000)
  const deltas: (Delta | string)[] = []
  try {
    for (const bytes of reads) {
      deltas.push(...chunks.push([Buffer.from(bytes)]))
      if (chunks.error) throw chunks.error
    }
    deltas.push(...chunks.end())
  } catch (thrown) {
    assert.ok(thrown instanceof RunError)
    deltas.push(thrown.code)
  }
  return deltas
}

/** The bytes, cut before each of these positions. */
function cut(bytes: Uint8Array, positions: readonly number[]): Uint8Array[] {
  const ends = [...positions, bytes.length].sort((a, b) => a - b)
  return ends.map((end, nth) => bytes.subarray(ends[nth - 1] ?? 0, end))
}

const said =
  piece({ role: 'assistant', content: '' }) + piece({ reasoning: 'Hm – ' }) + piece({ content: '[[ ## ä' })
const usage = { model: 'served', choices: [], usage: { prompt_tokens: 12, completion_tokens: 34 } }
const stop = event({ choices: [{ delta: {}, finish_reason: 'stop' }] })

const bodies: Record<string, string> = {
  'a whole one': `${said}${piece({ content: '👩‍🚀\r\n' })}${stop}${event(usage)}data: [DONE]\n\n`,
  'one with CRLF and comments': `\ufeff: hi\r\n\r\n${`${said}${stop}data:[DONE]\n\n`.replaceAll('\n', '\r\n')}`,
  'one that breaks off': said,
  'one that breaks off within an event': `${said}data: {"choices":[{"delta":{"content":"ö`,
  'one that is not JSON': `${said}data: Überlastet\n\n${stop}`,
  'one with an error': `${said}event: error\n${event({ message: 'ä' })}${stop}`,
}

describe('the chunks of a completion', () => {
  const all: (Delta | string)[] = [
    { type: 'reasoning', text: 'Hm – ' },
    { type: 'text', text: '[[ ## ä' },
  ]
  const endings: Record<string, (Delta | string)[]> = {
    'a whole one': [
      { type: 'text', text: '👩‍🚀\r\n' },
      { type: 'finish', reason: 'stop', usage: { model: 'served', inputTokens: 12, outputTokens: 34 } },
    ],
    'one with CRLF and comments': [{ type: 'finish', reason: 'stop', usage: undefined }],
    'one that breaks off': ['upstream_truncated'],
    'one that breaks off within an event': ['upstream_bad_response'],
    'one that is not JSON': ['upstream_bad_response'],
    'one with an error': ['upstream_error'],
  }
  for (const [what, body] of Object.entries(bodies)) {
    it(`are read from ${what}`, () =>
      assert.deepEqual(read([encode(body)]), [...all, ...(endings[what] ?? [])]))
  }

  for (const [what, body] of Object.entries(bodies)) {
    it(`U25 are the same for every cut of ${what}`, () => {
      const bytes = encode(body)
      const whole = read([bytes])
      for (let at = 0; at <= bytes.length; at++)
        assert.deepEqual(read(cut(bytes, [at])), whole, `cut at ${at}`)
      assert.deepEqual(read(cut(bytes, [...bytes.keys()])), whole, 'byte by byte')
    })

    it(`U25 are the same for any cuts of ${what}`, () => {
      const bytes = encode(body)
      const whole = read([bytes])
      const positions = fc.array(fc.nat(bytes.length), { maxLength: 20 })
      fc.assert(fc.property(positions, (at) => assert.deepEqual(read(cut(bytes, at)), whole)))
    })
  }

  it('keep any text that JSON can carry', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' }), { maxLength: 20 }), (texts) => {
        const body = texts.map((content) => piece({ content })).join('') + stop
        const deltas = read([encode(body)])
        assert.deepEqual(
          deltas.flatMap((delta) => (typeof delta === 'object' && delta.type === 'text' ? [delta.text] : [])),
          texts.filter((text) => text !== ''),
        )
      }),
    )
  })

  it('end in a failure for an event beyond the limit, however it comes', () => {
    const long = encode(`data: ${'x'.repeat(20_000)}`)
    assert.deepEqual(read([long]), ['upstream_too_large'])
    assert.deepEqual(read(cut(long, [1, 4_000, 9_999, 10_007])), ['upstream_too_large'])
    assert.deepEqual(read([encode('data: x\n'.repeat(6_000))]), ['upstream_too_large'])
  })

  it('end with the finish reason: of what follows only usage counts', () => {
    const late = `${piece({ content: 'late' }) + event({ error: 'late' })}data: late\n\n${event(usage)}`
    assert.deepEqual(read([encode(said + stop + late)]), [
      ...all,
      { type: 'finish', reason: 'stop', usage: { model: 'served', inputTokens: 12, outputTokens: 34 } },
    ])
  })

  it('may count usage in part, and not name the model', () => {
    const partial = event({ usage: { prompt_tokens: 12, completion_tokens: null } })
    assert.deepEqual(read([encode(stop + partial)]), [
      { type: 'finish', reason: 'stop', usage: { model: 'configured', inputTokens: 12, outputTokens: 0 } },
    ])
  })

  it('count usage of other types as none, and take no name that is none', () => {
    const counted = (usage: object, model: unknown = 'served') =>
      read([encode(stop + event({ model, usage }))])
    for (const count of ['12', -1, 0.5, 2 ** 60, {}, [], true]) {
      const usage = { prompt_tokens: 12, completion_tokens: count }
      assert.deepEqual(counted(usage), [{ type: 'finish', reason: 'stop', usage: undefined }], String(count))
    }
    for (const model of [5, {}, 'm'.repeat(300_000)]) {
      const usage = { model: 'configured', inputTokens: 1, outputTokens: 2 }
      assert.deepEqual(counted({ prompt_tokens: 1, completion_tokens: 2 }, model), [
        { type: 'finish', reason: 'stop', usage },
      ])
    }
  })

  it('say which limit or end it was, however it is spelled', () => {
    const endOf = (reason: unknown) =>
      read([encode(said + event({ choices: [{ finish_reason: reason }] }))]).at(-1)
    const ends = [
      'stop',
      'STOP',
      'end_turn',
      'eos',
      'eos_token',
      'stop_sequence',
      'tool_calls',
      'function_call',
    ]
    for (const reason of ends)
      assert.deepEqual(endOf(reason), { type: 'finish', reason: 'stop', usage: undefined })
    for (const reason of ['length', 'max_tokens', 'MAX_TOKENS', 'model_length']) {
      assert.deepEqual(endOf(reason), { type: 'finish', reason: 'length', usage: undefined })
    }
    const bad = [
      'abort',
      'error',
      'cancelled',
      'network_error',
      'insufficient_system_resource',
      'stop!',
      'toString',
    ]
    for (const reason of bad) assert.equal(endOf(reason), 'upstream_error', reason)
    const refused = [
      'content_filter',
      'content_filter: SAFETY',
      'SAFETY',
      'RECITATION',
      'refusal',
      'PROHIBITED_CONTENT',
    ]
    for (const reason of refused) assert.equal(endOf(reason), 'upstream_refused', reason)
    for (const reason of [5, {}, ['stop'], true]) assert.equal(endOf(reason), 'upstream_bad_response')
    for (const none of [null, '', undefined]) assert.equal(endOf(none), 'upstream_truncated')
  })

  it('without a finish reason are cut, whether or not `[DONE]` says so', () => {
    assert.deepEqual(read([encode(said)]), [...all, 'upstream_truncated'])
    assert.deepEqual(read([encode(`${said}data: [DONE]\n\n`)]), [...all, 'upstream_truncated'])
    assert.deepEqual(read([encode(`${said}${stop}data: [DONE] \n\n`)]).at(-1), {
      type: 'finish',
      reason: 'stop',
      usage: undefined,
    })
  })

  const texts = (content: unknown) => read([encode(piece({ content }) + stop)]).slice(0, -1)
  it('may have their content in parts, of text and of thoughts', () => {
    const text = (text: string) => ({ type: 'text', text })
    const thought = (text: string) => ({ type: 'reasoning', text })
    assert.deepEqual(texts([text('NOT '), text(''), text('safe')]), [text('NOT '), text('safe')])
    const thinking = [{ type: 'thinking', thinking: [text('Hm. '), text('So.')], closed: true }]
    assert.deepEqual(texts([...thinking, text('Yes.')]), [thought('Hm. '), thought('So.'), text('Yes.')])
    assert.deepEqual(texts([{ type: 'thinking', thinking: 'Hm.' }]), [thought('Hm.')])
    assert.deepEqual(texts([]), [])
  })

  it('fail at content of any other shape, after what came before it', () => {
    const unknown = [
      5,
      true,
      {},
      ['text'],
      [null],
      [{ type: 'image_url' }],
      [{ type: 'text', text: 5 }],
      [[]],
    ]
    for (const content of unknown) {
      const deltas = read([encode(piece({ content: 'The dose is ' }) + piece({ content }) + stop)])
      assert.deepEqual(deltas, [{ type: 'text', text: 'The dose is ' }, 'upstream_bad_response'])
    }
    const mixed = [{ type: 'text', text: 'NOT ' }, { type: 'image_url' }]
    assert.deepEqual(read([encode(piece({ content: mixed }) + stop)]), [
      { type: 'text', text: 'NOT ' },
      'upstream_bad_response',
    ])
    assert.deepEqual(read([encode(event({ choices: 'none' }))]), ['upstream_bad_response'])
  })

  it('fail where the model refuses', () => {
    assert.deepEqual(read([encode(piece({ content: null, refusal: "I'm sorry" }) + stop)]), [
      'upstream_refused',
    ])
    assert.deepEqual(read([encode(piece({ content: [{ type: 'refusal', refusal: 'No.' }] }))]), [
      'upstream_refused',
    ])
    assert.deepEqual(read([encode(piece({ content: 'Yes', refusal: null }) + stop)]).length, 2)
  })

  it('may tell of errors in a choice, in a list, and with nothing but a type', () => {
    for (const chunk of [
      { choices: [{ delta: { content: '' }, finish_reason: 'error', error: { message: 'no' } }] },
      [{ error: { code: 503, message: 'no', status: 'UNAVAILABLE' } }],
      { object: 'error', message: 'no' },
    ]) {
      assert.deepEqual(read([encode(said + event(chunk) + stop)]), [...all, 'upstream_error'])
    }
    const tooLong = { error: { message: 'ContextWindowExceededError: too long', code: '400' } }
    assert.deepEqual(read([encode(event(tooLong))]), ['prompt_too_long'])
  })

  it('of other choices than the first are not ours', () => {
    const both = event({
      choices: [
        { index: 1, delta: { content: 'other' }, finish_reason: 'abort' },
        { index: 0, delta: { content: 'ours' } },
      ],
    })
    const other = event({ choices: [{ index: 1, delta: { content: 'other' }, finish_reason: 'stop' }] })
    assert.deepEqual(read([encode(both + other + stop)]), [
      { type: 'text', text: 'ours' },
      { type: 'finish', reason: 'stop', usage: undefined },
    ])
  })
})

describe("an upstream's words, cleaned", () => {
  const strike = striking(['hunter-two', 'hunter-two-pass', undefined, 'no'])
  const cases: [said: unknown, cleaned: string][] = [
    ['The model is overloaded.', 'The model is overloaded.'],
    [{ message: 'No slot.', type: 'x' }, 'No slot.'],
    [{ detail: 'none' }, 'none'],
    [{ detail: [{ loc: ['body'], msg: 'Field required', type: 'missing' }] }, 'Field required'],
    [{ error: { message: 'No slot.' } }, 'No slot.'],
    [{ error: 'No slot.' }, 'No slot.'],
    [[{ error: { code: 400, message: 'No slot.' } }], 'No slot.'],
    [{ other: 'none' }, ''],
    [[], ''],
    [null, ''],
    [{ message: { deep: 1 } }, ''],
    ['one\r\n  at Engine.run (/srv/engine.js:1)', 'one'],
    ['\n', ''],

    ['Incorrect API key provided: sk-proj-abc123def456.', 'Incorrect API key provided: [key]'],
    ['Bearer abcdef.ghijkl is wrong', '[key] is wrong'],
    ['token=0123456789 is wrong', '[key] is wrong'],
    ['api_key: 0123456789', '[key]'],
    ['the key abc123def is wrong', 'the [key] is wrong'],
    ['the maximum token length is 10', 'the maximum token length is 10'],
    ['x'.repeat(40), '[key]'],

    ['POST http://user:pw@10.0.0.1:80/v1?k=1 failed', 'POST [address] failed'],
    ['see https://platform.openai.com/account', 'see [address]'],
    ['redis://cache down', '[address] down'],
    ['connect ECONNREFUSED 10.1.2.3:8000', 'connect ECONNREFUSED [address]'],
    ['connect ECONNREFUSED ::1:8000', 'connect ECONNREFUSED [address]'],
    [
      'no route to [fe80::1%eth0]:80, ::1 or ::ffff:10.0.0.1.',
      'no route to [address], [address] or [address].',
    ],
    ['getaddrinfo ENOTFOUND gpu-7.inner.example', 'getaddrinfo ENOTFOUND [address]'],
    ['localhost:11434 is down', '[address] is down'],
    ['GPU-7.Inner.Example is down', '[address] is down'],
    [
      'litellm.InternalServerError: OpenAIException - no',
      'litellm.InternalServerError: OpenAIException - no',
    ],
    ['openai.APITimeout, vllm.engine.EngineDeadError.', 'openai.APITimeout, vllm.engine.EngineDeadError.'],

    ['the hunter-two-pass is wrong', 'the [key] is wrong'],
    [{ message: `${'hunter-two-pass '.repeat(80)}` }, `${'[key] '.repeat(34).slice(0, 200)}`],

    ['Requests per minute: limit 3, used 3', 'Requests per minute: limit 3, used 3'],
    ['Rate limit reached for gpt-5-mini at 12:30:00', 'Rate limit reached for gpt-5-mini at 12:30:00'],
    ['Your tokens: 20000 of 8192, e.g. less', 'Your tokens: 20000 of 8192, e.g. less'],
  ]
  for (const [words, cleaned] of cases) {
    it(JSON.stringify(words).slice(0, 60), () => assert.equal(clean(words, strike), cleaned))
  }

  it('are short', () => assert.equal(clean('word '.repeat(100), strike).length, 199))

  it('are cleaned in no time, however many there are', () => {
    assert.equal(clean('a.'.repeat(1_000_000), strike), 'a.'.repeat(100))
  })
})
