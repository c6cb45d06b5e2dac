/** Reads a run's bytes: which tokens came when, and whether they are exactly what the upstream's model wrote. */
import { StringDecoder } from 'node:string_decoder'
import { answerOf, PLAIN } from './events.ts'
import type { Stream } from './load.ts'
import { STAMP, tokensOf } from './text.ts'

export type Reading = {
  /** Tokens by the time of their arrival. */
  readonly tokens: { readonly at: number; readonly count: number }[]
  /** For paced runs: how long each token took from upstream to client, with its time of arrival. */
  readonly delays: { readonly at: number; readonly micros: number }[]
  /** What is wrong with the answer. */
  readonly fault: string | undefined
}

/** What an event says, in the words of the native dialect. A prediction without data is one that isn't checked. */
// biome-ignore lint/suspicious/noExplicitAny: parsed JSON of whatever dialect
export type Translate = (event: any) => Said

type Said = {
  readonly type: string
  readonly predictor?: string
  readonly chunk?: string
  readonly data?: { readonly answer?: unknown }
  readonly message?: string
}

/** The native dialect's own events. */
export const asIs: Translate = (frame) => frame

/** What one event or message of a stream said, and when it was there. */
export type Message = { readonly at: number; readonly text: string }

/**
 * Frames that a service sent, in whatever dialect.
 *
 * @param messages those of the stream; left out: server-sent events
 */
export function readFrames(
  stream: Stream,
  translate: Translate,
  messages: Iterable<Message> = eventsIn(stream),
): Reading {
  const { tokens: count, rate, silent } = stream.script
  const lanes = new Map<string, Lane>()
  const laneOf = (predictor: string): Lane => {
    const known = lanes.get(predictor)
    if (known) return known
    const lane = rate > 0 || silent ? new StampedLane(count) : new WrittenLane(count)
    lanes.set(predictor, lane)
    return lane
  }
  const reading = { tokens: [] as Reading['tokens'], delays: [] as Reading['delays'] }
  let fault: string | undefined
  let isOver = false
  const take = (data: string, at: number) => {
    if (data === '[DONE]') {
      isOver = true
      return
    }
    const frame = translate(JSON.parse(data))
    if (frame.type === 'token') {
      const { predictor = '', chunk = '' } = frame
      if (chunk === '') return
      reading.tokens.push({ at, count: laneOf(predictor).add(chunk) })
      for (const [, micros] of chunk.matchAll(STAMP)) {
        reading.delays.push({ at, micros: at - Number(micros) })
      }
    } else if (frame.type === 'prediction') {
      if (lanes.size !== 3) fault ??= `${lanes.size} lanes instead of 3`
      for (const [name, lane] of lanes) {
        if (!lane.isWhole) fault ??= `${name} has ${lane.text.length} characters and isn't whole`
      }
      if (frame.data && frame.data.answer !== lanes.get('compose')?.text)
        fault ??= "the prediction isn't what was streamed"
    } else if (frame.type === 'error') {
      fault ??= frame.message
    }
  }

  for (const { text, at } of messages) take(text, at)
  for (const [name, lane] of lanes) if (!lane.isExact) fault ??= `${name} is not what the model wrote`
  if (isOver && lanes.size === 0) fault ??= 'no tokens'
  return { ...reading, fault }
}

/** The data of each event. */
function* eventsIn(stream: Stream): Generator<Message> {
  let text = ''
  for (const { at, bytes } of dechunked(stream)) {
    text += bytes
    const events = text.split('\n\n')
    text = events.pop() as string
    for (const event of events) {
      const data = event.slice(event.indexOf('data: ') + 6)
      if (data.startsWith('{') || data === '[DONE]') yield { at, text: data }
    }
  }
}

/**
 * A run that is answered whole: all of its tokens have come when the answer has.
 *
 * @param answerIn finds it in an event
 */
// biome-ignore lint/suspicious/noExplicitAny: parsed JSON of whatever dialect
export function readAnswer(stream: Stream, answerIn: (event: any) => unknown): Reading {
  const { tokens: count } = stream.script
  const [event, ...others] = eventsIn(stream)
  if (!event) return { tokens: [], delays: [], fault: undefined }
  const isRight = answerIn(JSON.parse(event.text)) === writtenOf(count).text && others.length === 0
  return {
    tokens: [{ at: event.at, count: 3 * count }],
    delays: [],
    fault: isRight ? undefined : 'the answer is not what the model wrote',
  }
}

interface Lane {
  readonly text: string
  /** @returns how many tokens this completes */
  add(chunk: string): number
  /** Whether everything so far is what the model wrote so far. */
  readonly isExact: boolean
  readonly isWhole: boolean
}

const written = new Map<number, { readonly text: string; readonly ends: readonly number[] }>()

function writtenOf(count: number) {
  let known = written.get(count)
  if (!known) {
    let end = 0
    const tokens = tokensOf(count)
    known = { text: tokens.join(''), ends: tokens.map((token) => (end += token.length)) }
    written.set(count, known)
  }
  return known
}

/** A completion whose text is known in advance. */
class WrittenLane implements Lane {
  text = ''
  #count = 0
  readonly #expected: ReturnType<typeof writtenOf>

  constructor(count: number) {
    this.#expected = writtenOf(count)
  }

  add(chunk: string): number {
    this.text += chunk
    const before = this.#count
    while ((this.#expected.ends[this.#count] ?? Number.POSITIVE_INFINITY) <= this.text.length) this.#count++
    return this.#count - before
  }

  get isExact() {
    return this.#expected.text.startsWith(this.text)
  }

  get isWhole() {
    return this.#expected.text === this.text
  }
}

/** A completion of timestamps. */
class StampedLane implements Lane {
  text = ''
  readonly #total: number

  constructor(total: number) {
    this.#total = total
  }

  add(chunk: string): number {
    this.text += chunk
    return chunk.split(';').length - 1
  }

  get isExact() {
    const stamps = this.#stamps
    const isInOrder = stamps.every((one, index) => index === 0 || one >= (stamps[index - 1] as number))
    return isInOrder && stamps.length * 16 === this.text.length
  }

  get isWhole() {
    return this.isExact && this.#stamps.length === this.#total
  }

  get #stamps(): number[] {
    return [...this.text.matchAll(STAMP)].map((match) => Number(match[1]))
  }
}

/** The text in HTTP chunks (RFC 9112 §7.1), with the time of each piece. */
function* dechunked({ arrivals }: Stream): Generator<{ at: number; bytes: string }> {
  const decoder = new StringDecoder('utf8')
  let rest: Buffer = Buffer.alloc(0)
  let isInBody = false
  let left = 0 // of the chunk that is being read, its line end included
  for (const { at, bytes } of arrivals) {
    let input: Buffer = rest.length > 0 ? Buffer.concat([rest, bytes]) : bytes
    for (;;) {
      if (!isInBody) {
        const end = input.indexOf('\r\n\r\n')
        if (end === -1) break
        const head = input.subarray(0, end).toString('latin1')
        if (!head.startsWith('HTTP/1.1 200')) throw new Error(`The service answered ${head.split('\r\n')[0]}`)
        input = input.subarray(end + 4)
        isInBody = true
      }
      if (left === 0) {
        const end = input.indexOf('\r\n')
        if (end === -1) break
        left = Number.parseInt(input.subarray(0, end).toString('latin1'), 16) + 2
        input = input.subarray(end + 2)
      }
      const piece = input.subarray(0, left)
      const isWhole = piece.length === left
      left -= piece.length
      input = input.subarray(piece.length)
      if (!isWhole && left <= 2) {
        // Part or all of the line end is still to come; keep it together.
        yield { at, bytes: decoder.write(piece.subarray(0, piece.length - (2 - left))) }
      } else {
        yield { at, bytes: decoder.write(isWhole ? piece.subarray(0, piece.length - 2) : piece) }
      }
      if (!isWhole) break
    }
    rest = input
  }
}

/** Bytes that were copied without parsing. Unpaced tokens are counted by their share of an answer's bytes. */
export function readBytes({ script, arrivals }: Stream): Reading {
  const share = script.tokens / answerOf(PLAIN, script.tokens).length
  const reading = {
    tokens: [] as Reading['tokens'],
    delays: [] as Reading['delays'],
    fault: undefined,
  }
  for (const { at, bytes } of arrivals) {
    if (script.rate === 0) {
      reading.tokens.push({ at, count: bytes.length * share })
      continue
    }
    for (const [, micros] of bytes.toString('latin1').matchAll(STAMP)) {
      reading.tokens.push({ at, count: 1 })
      reading.delays.push({ at, micros: at - Number(micros) })
    }
  }
  return reading
}
