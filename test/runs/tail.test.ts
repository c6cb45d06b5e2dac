/** A log whose entries are put together, and readers who are in the midst of it. */
import assert from 'node:assert/strict'
import test from 'node:test'
import type { Frame } from '../../src/core/frame.ts'
import { Cursor, framesAfter } from '../../src/runs/cursor.ts'
import type { RunHeader } from '../../src/runs/header.ts'
import { nextEntry } from '../../src/runs/next-entry.ts'
import { Tail } from '../../src/runs/tail.ts'

const token = (chunk: string): Frame => ({
  type: 'token',
  field: 'answer',
  predictor: 'compose',
  chunk,
  is_last: false,
})

/** 300 entries of 1 to 3 tokens, of two owners, and an end. */
function logOf(): Tail {
  const tail = new Tail('run', {} as RunHeader)
  let nth = 0
  for (const attempt of [1, 2]) {
    for (let entry = 0; entry < 150; entry++) {
      const frames = Array.from({ length: 1 + (entry % 3) }, () => token(`“token” ${nth++} `))
      tail.append(nextEntry(tail, attempt, frames, []))
    }
  }
  tail.append(nextEntry(tail, 2, [token('end')], [], 1_790_000_000_000))
  return tail
}

function rest(cursor: Cursor): Frame[] {
  const frames: Frame[] = []
  for (let taken = cursor.take(); taken; taken = cursor.take()) frames.push(...framesAfter(taken))
  return frames
}

test('entries that are put together say the same, in fewer of them and in less', () => {
  const tail = logOf()
  const [frames, size, entries, endedAt] = [tail.frames(), tail.size, tail.entries.length, tail.endedAt]
  tail.compact()
  assert.deepEqual(tail.frames(), frames)
  assert.ok(tail.entries.length < entries / 20, String(tail.entries.length))
  assert.ok(tail.size < size, `${tail.size} and ${size} before`)
  assert.deepEqual([tail.endedAt, tail.end], [endedAt, token('end')])
})

test('a reader goes on where it was, wherever that is', () => {
  for (let taken = 0; taken <= 301; taken += 7) {
    const [tail, whole] = [logOf(), logOf()]
    const [cursor, other] = [new Cursor(tail), new Cursor(whole)]
    for (let nth = 0; nth < taken; nth++) {
      cursor.take()
      other.take()
    }
    tail.compact()
    assert.equal(cursor.hasMore, other.hasMore)
    assert.deepEqual(rest(cursor), rest(other), `after ${taken} entries`)
  }
})

test('a reader that comes back with any id gets what follows it', () => {
  const [tail, whole] = [logOf(), logOf()]
  tail.compact()
  for (const attempt of [1, 2, 3]) {
    for (let count = 0; count < 320; count += 11) {
      const after = { attempt, count }
      assert.deepEqual(rest(new Cursor(tail, after)), rest(new Cursor(whole, after)), `${attempt}-${count}`)
    }
  }
})
