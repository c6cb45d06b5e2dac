/** The format of recorded runs: what is written can be read, and what is wrong with a file is said with its line. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  IncompleteStreamError,
  type RecordedFrame,
  type RecordingHead,
  readRecording,
  recordingLine,
} from '../../src/client/index.ts'

const HEAD = {
  tributary: 1,
  program: 'parallel-composer',
  inputs: { question: 'Why?\n\u2028' },
  at: '2026-11-30T03:17:29.239Z',
} as const

const DESCRIPTION = { name: 'a', inputs: {}, input_types: {}, outputs: {}, predictors: [] }

const TOKEN: RecordedFrame = {
  at: 3,
  frame: { type: 'token', predictor: 'ask', field: 'answer', chunk: 'so 漢\ud83d\n', is_last: false },
}
const END: RecordedFrame = { at: 4, frame: { type: 'prediction', data: { answer: 'so' } } }

const file = (...lines: readonly object[]) => lines.map((line) => recordingLine(line as never)).join('')

async function* pieces(text: string, size = text.length) {
  for (let at = 0; at < text.length; at += size) yield text.slice(at, at + size)
}

/** Everything that is in a file, and what reading it ended in. */
async function read(text: string, size?: number) {
  const frames: RecordedFrame[] = []
  let head: RecordingHead | undefined
  try {
    const recording = await readRecording(pieces(text, size))
    head = recording.head
    for await (const frame of recording.frames) frames.push(frame)
  } catch (error) {
    return { head, frames, error: error as Error }
  }
  return { head, frames, error: undefined }
}

test('what is written is read, in pieces of any size', async () => {
  const text = file(HEAD, TOKEN, END)
  for (const size of [1, 2, 7, text.length]) {
    const { head, frames, error } = await read(text, size)
    assert.deepEqual({ ...HEAD, model: undefined, description: undefined }, head)
    assert.deepEqual([frames, error], [[TOKEN, END], undefined])
  }
})

test('a recording of the repository has a description, and every kind of frame is known', async () => {
  const text = readFileSync(new URL('../../examples/runs/sky.jsonl', import.meta.url), 'utf8')
  const { head, frames, error } = await read(text, 1000)
  assert.equal(error, undefined)
  assert.equal(head?.description?.predictors.length, 3)
  assert.equal(frames.length, text.trimEnd().split('\n').length - 1)
  assert.deepEqual(new Set(frames.map(({ frame }) => frame.type)).size, 4)
})

test('a run that was killed has the frames that came, also in the middle of a line', async () => {
  const whole = file(HEAD, TOKEN)
  for (const rest of ['', '{', recordingLine(END).slice(0, -10), '\n\n']) {
    const { frames, error } = await read(whole + rest)
    assert.deepEqual(frames, [TOKEN])
    assert.ok(error instanceof IncompleteStreamError, String(error))
  }
  const { frames, error } = await read(file(HEAD, TOKEN, END).trimEnd())
  assert.deepEqual([frames, error], [[TOKEN, END], undefined], 'the last line feed may be missing')
})

test('frames of unknown types are skipped', async () => {
  const { frames, error } = await read(file(HEAD, { at: 1, frame: { type: 'news', predictor: 1 } }, END))
  assert.deepEqual([frames, error], [[END], undefined])
})

const frameLine = (frame: object) => file(HEAD, TOKEN, { at: 5, frame })

for (const [name, text, message] of [
  ['nothing', '', "Line 1 isn't the beginning of a recording."],
  ['another file', '# Title\n', "Line 1 isn't the beginning of a recording."],
  ['other JSON', '{"a": 1}\n', "Line 1 isn't the beginning of a recording."],
  ['a cut first line', '{"tributary":1,"prog', "Line 1 isn't the beginning of a recording."],
  [
    'a later format',
    file({ ...HEAD, tributary: 2 }),
    'Line 1 says that the recording has format 2, and only 1 is known.',
  ],
  ['no program', file({ ...HEAD, program: 1 }), 'Line 1 has no name of a program.'],
  ['inputs without names', file({ ...HEAD, inputs: [] }), "Line 1 has inputs that aren't an object."],
  ['no time', file({ ...HEAD, at: 'today' }), 'Line 1 has no time.'],
  ['a model', file({ ...HEAD, model: {} }), "Line 1 names a model that isn't a text."],
  [
    'a description',
    file({ ...HEAD, description: { predictors: [{ predictor: 'a', fields: [1] }] } }),
    'Line 1 describes no program.',
  ],
  [
    'a description without inputs',
    file({ ...HEAD, description: { ...DESCRIPTION, inputs: { required: 1, properties: { a: {} } } } }),
    'Line 1 describes no program.',
  ],
  [
    'prices that are no numbers',
    file({ ...HEAD, description: { ...DESCRIPTION, prices: { small: { input: '1' } } } }),
    'Line 1 describes no program.',
  ],
  ['no JSON in the middle', `${file(HEAD, TOKEN)}oops\n${file(END)}`, 'Line 3 has no time of a frame.'],
  ['a negative time', file(HEAD, { ...TOKEN, at: -1 }), 'Line 2 has no time of a frame.'],
  ['no frame', file(HEAD, { at: 1 }), 'Line 2 has no frame.'],
  [
    'a token without text',
    frameLine({ ...TOKEN.frame, chunk: 1 }),
    'Line 3 has a frame of type token whose chunk is missing or wrong.',
  ],
  [
    'an error of no request',
    frameLine({ type: 'error', code: 'internal', message: 'No.', retryable: false }),
    'Line 3 has a frame of type error whose request_id is missing or wrong.',
  ],
  [
    'a reset that keeps nobody',
    frameLine({ type: 'reset', keep: [null] }),
    'Line 3 has a frame of type reset whose keep is missing or wrong.',
  ],
  [
    'notes that are no texts',
    frameLine({ ...END.frame, truncated: [{}] }),
    'Line 3 has a frame of type prediction whose truncated is missing or wrong.',
  ],
  ['two runs', file(HEAD, END, HEAD, END), "Line 3 comes after the run's end in line 2."],
] as const) {
  test(`a faulty file is told its line: ${name}`, async () => {
    assert.equal((await read(text)).error?.message, message)
  })
}

test('a line without an end is given up before it fills the memory', async () => {
  let given = 0
  async function* endless() {
    for (;;) {
      given++
      yield 'x'.repeat(1024 * 1024)
    }
  }
  await assert.rejects(readRecording(endless()), { name: 'RecordingError', message: 'Line 1 is too long.' })
  assert.ok(given < 20)
})
