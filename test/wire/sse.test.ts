import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DONE, encodeFrame, encodeStream, KEEP_ALIVE } from '../../src/wire/sse.ts'

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

test('a batch leaves as one piece, and [DONE] follows the last', async () => {
  async function* batches() {
    yield [token('a'), token('b')]
    yield [token('c')]
  }
  assert.deepEqual(await Array.fromAsync(encodeStream(batches())), [
    encodeFrame(token('a')) + encodeFrame(token('b')),
    encodeFrame(token('c')),
    'data: [DONE]\n\n',
  ])
})

test('what stands between frames is whole events too', () => {
  assert.equal(DONE, 'data: [DONE]\n\n')
  assert.equal(KEEP_ALIVE, ': keep-alive\n\n')
})
