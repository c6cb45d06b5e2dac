import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Frame } from '../../src/core/frame.ts'
import { DONE, encodeFrame, FrameEncoder, KEEP_ALIVE } from '../../src/wire/native.ts'

const token = (chunk: string) =>
  ({ type: 'token', field: 'answer', predictor: 'compose', chunk, is_last: false }) as const

test('a frame is one data line and a blank line', () => {
  assert.equal(
    encodeFrame({ type: 'status', message: 'Spinning ideas...', module: 'ideas', phase: 'start' }),
    'data: {"type":"status","message":"Spinning ideas...","module":"ideas","phase":"start"}\n\n',
  )
})

test('text of any kind stays on its line and is valid UTF-8', () => {
  const encoded = (chunk: string) => /"chunk":(".*"),/.exec(encodeFrame(token(chunk)))?.[1]
  assert.equal(encoded('\n\ndata: [DONE]\r\n'), '"\\n\\ndata: [DONE]\\r\\n"')
  assert.equal(encoded('a\u0085b\u2028c\u2029d'), '"a\\u0085b\\u2028c\\u2029d"')
  assert.equal(encoded('\0\v\f\x1c'), '"\\u0000\\u000b\\f\\u001c"')
  assert.equal(encoded('\ud83d😀\ude00'), '"\\ud83d😀\\ude00"')
  assert.equal(encoded('é 🇩🇪 \ufeff'), '"é 🇩🇪 \ufeff"')
  assert.equal(encoded('\\u2028 "</script>"'), '"\\\\u2028 \\"</script>\\""')
})

test('a batch is one string of the same events, whatever came before it', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({
      unit: fc.constantFrom('a', '"', '\\', '\n', '\u0085', '\u2028', 'é', '\ud83d', '\udE00', '"chunk":""'),
    }),
  )
  const name = fc.oneof(fc.constantFrom('a', 'b'), text)
  const frame: fc.Arbitrary<Frame> = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        type: fc.constant('token' as const),
        field: name,
        predictor: name,
        call: fc.option(fc.integer({ min: 2, max: 3 }), { nil: undefined }),
        chunk: text,
        is_last: fc.boolean(),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        type: fc.constant('status' as const),
        message: text,
        module: name,
        phase: fc.constant('start' as const),
      }),
    },
  )
  fc.assert(
    fc.property(fc.array(fc.array(frame)), (batches) => {
      const encoder = new FrameEncoder()
      for (const batch of batches) assert.equal(encoder.encode(batch), batch.map(encodeFrame).join(''))
    }),
    { numRuns: 1_000 },
  )
})

test('what stands between frames is whole events too', () => {
  assert.equal(DONE, 'data: [DONE]\n\n')
  assert.equal(KEEP_ALIVE, ': keep-alive\n\n')
})
