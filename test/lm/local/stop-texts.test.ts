import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { StopTexts } from '../../../src/lm/local/stop-texts.ts'

/** What comes of a text in these pieces, up to the stop. */
function read(stops: readonly string[], pieces: readonly string[]) {
  const reader = new StopTexts(stops)
  let text = ''
  for (const piece of pieces) {
    text += reader.push(piece)
    if (reader.hasStopped) break
  }
  return { text: text + reader.end(), hasStopped: reader.hasStopped }
}

test('a completion ends at the first stop text, however it is cut', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', '\n'), maxLength: 12 })
  const stops = fc.array(
    letters.filter((one) => one !== ''),
    { maxLength: 3 },
  )
  fc.assert(
    fc.property(stops, fc.array(letters), (stops, pieces) => {
      const whole = pieces.join('')
      // The first that is complete: of two that overlap, the one that ends first.
      const ends = stops.flatMap((stop) => {
        const at = whole.indexOf(stop)
        return at === -1 ? [] : [{ at, end: at + stop.length }]
      })
      const { text, hasStopped } = read(stops, pieces)
      assert.equal(hasStopped, ends.length > 0)
      if (ends.length === 0) assert.equal(text, whole)
      else assert.ok(ends.some(({ at }) => text === whole.slice(0, at)))
    }),
  )
})

test('nothing is held back that can’t begin a stop text', () => {
  const reader = new StopTexts(['END'])
  assert.equal(reader.push('so E'), 'so ')
  assert.equal(reader.push('N'), '')
  assert.equal(reader.push('ough'), 'ENough')
  assert.equal(reader.push('EN'), '')
  assert.equal(reader.end(), 'EN')
})

test('without stop texts all of it passes at once', () => {
  assert.deepEqual(read([], ['a', 'b']), { text: 'ab', hasStopped: false })
})
