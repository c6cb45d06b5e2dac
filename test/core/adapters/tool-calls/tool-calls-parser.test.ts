import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { FieldChunk } from '../../../../src/core/adapters/adapter.ts'
import { ToolCallsParser } from '../../../../src/core/adapters/tool-calls/tool-calls-parser.ts'
import { signature } from '../../../../src/core/signature.ts'
import { cutAt, cuts } from '../../../support/corpus.ts'

const { outputs } = signature('question -> next_thought, next_tool_name, next_tool_args: dict[str, str]')

type Turn = { thought?: readonly string[]; name?: readonly string[]; args?: readonly string[]; late?: string }

/** What comes of a turn whose parts come in these pieces, in the order in which endpoints send them. */
function read({ thought = [], name = [], args = [], late = '' }: Turn, isCut = false) {
  const parser = new ToolCallsParser(outputs)
  const chunks: FieldChunk[] = []
  for (const text of thought) chunks.push(...parser.push(text))
  for (const one of name) if (one !== '') chunks.push(...parser.call({ name: one, args: '' }))
  for (const one of args) if (one !== '') chunks.push(...parser.call({ name: '', args: one }))
  if (late !== '') chunks.push(...parser.push(late))
  chunks.push(...parser.end(isCut))
  const joined: Record<string, string> = {}
  for (const { field, chunk } of chunks) joined[field] = (joined[field] ?? '') + chunk
  for (const field of Object.keys(joined)) {
    const own = chunks.filter((one) => one.field === field)
    assert.equal(
      own.findIndex(({ isLast }) => isLast),
      own.length - 1,
      `${field} closes once, at its end`,
    )
  }
  assert.deepEqual(joined, parser.texts, 'the chunks joined are the values')
  return { joined, missing: parser.missing, chunks }
}

const turnOf = (next_thought: string, next_tool_name: string, next_tool_args: string) => ({
  next_thought,
  next_tool_name,
  next_tool_args,
})

describe('a turn with a call of a tool', () => {
  it('is the same for any cuts, and its arguments are kept to the letter', () => {
    const text = fc.string({
      unit: fc.constantFrom('a', ' ', '\n', '"', '\\', '{', '}', '\ud83d', '\ude00', 'ö'),
    })
    fc.assert(
      fc.property(text, text, cuts, cuts, (thought, args, one, other) => {
        fc.pre(args.trim() !== '')
        const turn = { thought: cutAt(thought, one), name: ['weather'], args: cutAt(args, other) }
        assert.deepEqual(read(turn).joined, turnOf(thought.trim(), 'weather', args))
      }),
    )
  })

  it('streams its arguments as they come, and never half a surrogate pair', () => {
    const { chunks } = read({ name: ['wea', 'ther'], args: ['{"city": "\ud83d', '\ude00"', '}'] })
    assert.deepEqual(
      chunks.map(({ field, chunk, isLast }) => [field, chunk, isLast]),
      [
        ['next_thought', '', true],
        ['next_tool_name', 'wea', false],
        ['next_tool_name', 'ther', false],
        ['next_tool_name', '', true],
        ['next_tool_args', '{"city": "', false],
        ['next_tool_args', '😀"', false],
        ['next_tool_args', '}', false],
        ['next_tool_args', '', true],
      ],
    )
  })

  it('has the arguments {} where the endpoint sends none, or only blanks', () => {
    assert.deepEqual(read({ name: ['finish'] }).joined, turnOf('', 'finish', '{}'))
    assert.deepEqual(read({ name: ['finish'], args: [' '] }).joined, turnOf('', 'finish', ' {}'))
  })

  it('ends its thought where the call begins', () => {
    const turn = { thought: ['Hm. '], name: ['weather'], args: ['{}'], late: ' Then.' }
    assert.deepEqual(read(turn).joined, turnOf('Hm.', 'weather', '{}'))
  })

  it('lacks its arguments where the token limit came before them, and its name where there is none', () => {
    assert.deepEqual(read({ thought: ['Hm.'], name: ['weather'] }, true).missing, ['next_tool_args'])
    assert.deepEqual(read({ args: ['{}'] }).missing, ['next_tool_name'])
  })
})

describe('a turn without a call', () => {
  it('finishes', () => {
    assert.deepEqual(read({ thought: ['I know', ' it.\n'] }).joined, turnOf('I know it.', 'finish', '{}'))
  })

  it('does not where the token limit cut it off, or where it is empty', () => {
    const missing = ['next_tool_name', 'next_tool_args']
    assert.deepEqual(read({ thought: ['I know'] }, true).missing, missing)
    assert.deepEqual(read({ thought: [' \n'] }).missing, missing)
    assert.deepEqual(read({}).missing, ['next_thought', ...missing])
  })
})

it('native reasoning has its own lane beside the turn, and closes with it', () => {
  const parser = new ToolCallsParser(outputs)
  const chunks = [
    ...parser.think('Let me see. '),
    ...parser.call({ name: 'finish', args: '' }),
    ...parser.think('So.'),
    ...parser.end(),
  ].filter(({ field }) => field === 'reasoning')
  assert.equal(chunks.map(({ chunk }) => chunk).join(''), 'Let me see. So.')
  assert.deepEqual(chunks.map(({ isLast }) => isLast).indexOf(true), chunks.length - 1)
  assert.equal('reasoning' in parser.texts, false)
})
