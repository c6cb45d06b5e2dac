import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bodySettings, tokenLimitKey } from '../../../src/lm/openai/body-settings.ts'

test('OpenAI’s own address gets the new name of the token limit, and others the one that they know', () => {
  assert.equal(tokenLimitKey('https://api.openai.com/v1'), 'max_completion_tokens')
  for (const url of [
    'http://localhost:11434/v1',
    'https://api.openai.com.example.com/v1',
    'https://openai.azure.com/v1',
  ]) {
    assert.equal(tokenLimitKey(url), 'max_tokens', url)
  }
  assert.deepEqual(bodySettings({ maxTokens: 9 }, 'max_completion_tokens'), { max_completion_tokens: 9 })
})

test('what is unset has no key', () => {
  assert.deepEqual(bodySettings({}, 'max_tokens'), {})
})
