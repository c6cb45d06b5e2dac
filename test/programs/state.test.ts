import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { after, describe, it } from 'node:test'
import { pathToFileURL } from 'node:url'
import type { Program, ProgramState } from '../../src/core/program.ts'
import { readState } from '../../src/programs/state.ts'
import { answering, saved, savedUrl, single } from '../support/saved.ts'
import { predictionOf, Service } from '../support/service.ts'

const folder = await mkdtemp(join(tmpdir(), 'state-'))
after(() => rm(folder, { recursive: true }))

const stateful = (original: Program, state: ProgramState): Program => ({ ...original, state })

const demosOf = ({ places }: Program) => places[0]?.predictor.demos

describe('a saved state', () => {
  it('is read from an address, from a path, and from what was read already', async () => {
    const url = savedUrl('bare-predict')
    const expected = [
      { question: 'Q0?', answer: 'A0.' },
      { question: 'Q1?', answer: 'A1.' },
    ]
    for (const state of [url, relative('', url.pathname), saved('bare-predict')]) {
      assert.deepEqual(demosOf(await readState(stateful(single.plain, state))), expected)
      assert.deepEqual(demosOf(await readState(stateful(single.plain, '/nowhere'), state)), expected)
    }
  })

  it('need not be there', async () => assert.equal(await readState(single.plain), single.plain))

  const files: Record<string, [content: string | Uint8Array, message: RegExp]> = {
    'not JSON': ['question -> answer', /^\S+ isn't JSON: Unexpected token .*\.$/],
    'cut short': ['{"predict": {', /^\S+ isn't JSON: .*\.$/],
    empty: ['', /^\S+ isn't JSON: Unexpected end of JSON input\.$/],
    'not UTF-8': [Uint8Array.of(0x7b, 0xff, 0x7d), /^\S+ isn't JSON: .*utf-8\.$/],
    'a list': ['[]', /^\S+: The saved state doesn't fit the program:\nthis isn't the JSON/],
    'nested a million times': [
      '['.repeat(1e6) + ']'.repeat(1e6),
      /doesn't fit the program:\nthis isn't the JSON/,
    ],
    'nested a million times, and cut': ['{"a":'.repeat(1e6), /^\S+ isn't JSON: .*\.$/],
    'far too large': [
      ' '.repeat(16 * 1024 ** 2 + 1),
      /^The saved state \S+ can't be read: it has more than 16 MiB\.$/,
    ],
  }
  for (const [name, [content, message]] of Object.entries(files)) {
    it(`can't be ${name}`, async () => {
      const path = join(folder, 'state.json')
      await writeFile(path, content)
      await assert.rejects(readState(stateful(single.plain, pathToFileURL(path))), {
        name: 'TypeError',
        message,
      })
    })
  }

  it("can't be anything but a file that is there", async () => {
    const refusals: [ProgramState, RegExp][] = [
      [new URL('https://example.com/x.json'), /has to be a file, not https:\/\/example\.com\/x\.json\.$/],
      [join(folder, 'missing.json'), /^The saved state \S+missing\.json can't be read: ENOENT: no such file/],
      [folder, /can't be read: it isn't a file\.$/],
    ]
    for (const [state, message] of refusals) {
      await assert.rejects(readState(stateful(single.plain, state)), { name: 'TypeError', message })
    }
  })
})

describe('the service', () => {
  it('asks with what DSPy saved, and shows the saved model', async (t) => {
    const program = await readState(stateful(answering, savedUrl('with-lm')))
    const service = await Service.start(t, { program })
    const frames = await service.ask('Why?')
    assert.equal(predictionOf(frames).data.answer, 'answer on Why?')

    const requests = service.upstream.exchanges.map(({ body }) => body.messages.map(({ content }) => content))
    assert.deepEqual(
      requests.map((contents) => contents.length),
      [6, 6, 10],
    )
    assert.match(requests[0]?.[0] ?? '', /Given the fields `question`, produce the fields `brainstorm`\.$/)
    assert.match(requests[0]?.[2] ?? '', /\nThought 0\.\n\n\[\[ ## brainstorm ## \]\]\nIdea 0\.\n/)
    assert.match(
      requests[2]?.[1] ?? '',
      /\nQ3\?\n\n\[\[ ## draft ## \]\]\n\(not supplied in this example\)\n/,
    )
    assert.match(requests[2]?.[8] ?? '', /\nSecond thought 1\.\n/)

    const described = (await (await fetch(`${service.url}/v1/program`)).json()) as {
      predictors: { saved_model?: string }[]
    }
    assert.deepEqual(
      described.predictors.map((one) => one.saved_model),
      ['openai/gpt-4o-mini', 'openai/gpt-5-mini', undefined],
    )
    await service.assertQuiet('ok')
  })
})
