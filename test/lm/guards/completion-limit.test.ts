import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { CallOptions, Delta } from '../../../src/core/lm.ts'
import { predict } from '../../../src/core/predictor.ts'
import { withCompletionLimit } from '../../../src/lm/guards/completion-limit.ts'
import { codeOf, lmOf, saying, stop, text, thought } from '../../support/lm.ts'

const options: CallOptions = {
  signature: predict('question -> answer'),
  adapter: 'chat',
  signal: new AbortController().signal,
  usage: false,
}

describe('a completion limit', () => {
  const read = async (maxChars: number, ...batches: readonly (readonly Delta[])[]) => {
    const given: (readonly Delta[])[] = []
    let isFreed = false
    const lm = lmOf(async function* () {
      try {
        yield* saying(...batches)
      } finally {
        isFreed = true
      }
    })
    try {
      for await (const deltas of withCompletionLimit(lm, maxChars).stream([], options)) given.push(deltas)
      return { given, failure: undefined }
    } catch (failure) {
      return { given, failure }
    } finally {
      assert.ok(isFreed, 'the LM is let go')
    }
  }

  it('lets a completion of just its length through', async () => {
    const batches = [[text('12345'), thought('678')], [], [text('90')]]
    assert.deepEqual(await read(10, ...batches), { given: [...batches, [stop]], failure: undefined })
  })

  it('ends a longer one, with nothing of the array that is too much', async () => {
    const { given, failure } = await read(10, [text('12345')], [text('67890'), text('1')], [text('2')])
    assert.deepEqual(given, [[text('12345')]])
    assert.equal(codeOf(failure), 'upstream_too_large')
  })

  it('counts native reasoning too, and UTF-16 units', async () => {
    assert.equal(codeOf((await read(3, [thought('1234')])).failure), 'upstream_too_large')
    assert.equal(codeOf((await read(3, [text('😀😀')])).failure), 'upstream_too_large')
    assert.equal((await read(4, [text('😀😀')])).failure, undefined)
  })

  it('counts nothing else, and each call for itself', async () => {
    const wait: Delta = { type: 'wait', reason: 'turn', message: 'a long message' }
    assert.equal((await read(0, [wait], [], [wait])).failure, undefined)
    const limited = withCompletionLimit(
      lmOf(() => saying([text('12345')])),
      5,
    )
    for (let call = 0; call < 3; call++) {
      assert.equal((await Array.fromAsync(limited.stream([], options))).length, 2)
    }
  })

  it('gives all that fits, of any completion in any pieces', async () => {
    const delta = fc
      .tuple(fc.constantFrom(text, thought), fc.string({ minLength: 1 }))
      .map(([make, said]) => make(said))
    const batches = fc.array(fc.array(delta, { maxLength: 3 }), { maxLength: 6 })
    const length = (some: readonly Delta[]) =>
      some.reduce(
        (sum, one) => sum + (one.type === 'text' || one.type === 'reasoning' ? one.text.length : 0),
        0,
      )
    await fc.assert(
      fc.asyncProperty(batches, fc.nat(30), async (all, maxChars) => {
        const { given, failure } = await read(maxChars, ...all)
        const fitting = [...all, [stop]].filter((_, at) => length(all.slice(0, at + 1).flat()) <= maxChars)
        assert.deepEqual(given, fitting)
        assert.equal(failure !== undefined, length(all.flat()) > maxChars)
      }),
    )
  })

  it('leaves the rest of the LM as it is', () => {
    const lm = { ...lmOf(() => saying()), fits: () => false }
    const limited = withCompletionLimit(lm, 1)
    assert.equal(limited.model, lm.model)
    assert.equal(limited.fits?.([], options), false)
  })
})
