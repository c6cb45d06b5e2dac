import assert from 'node:assert/strict'
import { test } from 'node:test'
import { striking } from '../src/secrets.ts'

test('secrets are struck out wherever they stand, the longer one where two begin alike', () => {
  const strike = striking(['sk-1', 'sk-1-2-3', undefined, 'sk-1-2', '$&'.repeat(3)])
  assert.equal(strike('a sk-1-2-3b sk-1-2, sk-1sk-1 $&$&$&'), 'a [key]b [key], [key][key] [key]')
  assert.equal(strike('nothing of it'), 'nothing of it')
})

test('a placeholder for a key is no secret: it stands in any sentence', () => {
  assert.equal(striking(['x', 'no', 'abc'])('no example of abc'), 'no example of abc')
})
