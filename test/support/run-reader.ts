/** Readers of runs that outlive their connection, over HTTP as they come. */
import assert from 'node:assert/strict'
import type { Frame } from '../../src/core/frame.ts'
import { frame as frameSchema } from '../../src/core/schemas.ts'

export type Event = { readonly id: string | undefined; readonly data: string }

export type RunState = {
  readonly id: string
  readonly program: string
  readonly status: string
  readonly attempt: number
  readonly position: string
  readonly prediction?: { readonly data: Record<string, unknown> }
  readonly error?: { readonly code: string }
}

const JSON_BODY = { 'content-type': 'application/json' }

/** A stream of events that is being read. */
export class RunReader {
  readonly response: Response
  readonly events: Event[] = []
  readonly #pieces: AsyncIterator<string>
  readonly #abort: AbortController
  #rest = ''

  constructor(response: Response, abort: AbortController) {
    this.response = response
    this.#abort = abort
    const body = response.body as ReadableStream<Uint8Array<ArrayBuffer>>
    this.#pieces = body.pipeThrough(new TextDecoderStream())[Symbol.asyncIterator]()
  }

  /** Starts a run, and reads it. */
  static post(url: string, body: object, headers: Record<string, string> = {}): Promise<RunReader> {
    return RunReader.#open(`${url}/v1/stream`, {
      method: 'POST',
      headers: { ...JSON_BODY, ...headers },
      body: JSON.stringify({ ...body, resumable: true }),
    })
  }

  /** Reads a run from after an event on, or in short. */
  static get(
    url: string,
    id: string,
    after?: string,
    headers: Record<string, string> = {},
  ): Promise<RunReader> {
    const position = after === undefined ? {} : { 'last-event-id': after }
    return RunReader.#open(`${url}/v1/runs/${id}/stream`, { headers: { ...position, ...headers } })
  }

  static async #open(url: string, init: RequestInit): Promise<RunReader> {
    const abort = new AbortController()
    const response = await fetch(url, { ...init, signal: abort.signal })
    if (response.status !== 200) assert.fail(`${response.status} ${await response.text()}`)
    return new RunReader(response, abort)
  }

  get id(): string {
    return this.response.headers.get('x-run-id') as string
  }

  /** The last event id that an event source would have. */
  get lastId(): string | undefined {
    return this.events.findLast(({ id }) => id !== undefined)?.id
  }

  get isOver(): boolean {
    return this.events.at(-1)?.data === '[DONE]'
  }

  get frames(): Frame[] {
    return framesIn(this.events)
  }

  /** Reads until an event has these words; to the end if it is left out. Resolves with whether it came. */
  async until(words?: string): Promise<boolean> {
    let from = this.events.length
    for (;;) {
      if (words !== undefined && this.events.slice(from).some(({ data }) => data.includes(words))) return true
      from = this.events.length
      if (!(await this.more())) return words === undefined
    }
  }

  /** Reads the next piece. Resolves with false at the end, and where the connection is cut. */
  async more(): Promise<boolean> {
    const { value, done } = await this.#pieces.next().catch(() => ({ value: undefined, done: true }))
    if (done) return false
    const blocks = (this.#rest + value).split('\n\n')
    this.#rest = blocks.pop() as string
    for (const block of blocks) {
      const data = /^data: (.*)$/m.exec(block)?.[1]
      if (data === undefined) {
        assert.match(block, /^(: keep-alive|retry: \d+)$/)
        continue
      }
      this.events.push({ id: /^id: (.*)$/m.exec(block)?.[1], data })
    }
    return true
  }

  /** Goes away. */
  leave(): void {
    this.#abort.abort()
  }
}

function framesIn(events: readonly Event[]): Frame[] {
  return events.filter(({ data }) => data !== '[DONE]').map(({ data }) => frameSchema.parse(JSON.parse(data)))
}

export async function stateOf(url: string, id: string): Promise<RunState> {
  const response = await fetch(`${url}/v1/runs/${id}`)
  assert.equal(response.status, 200, await response.clone().text())
  return (await response.json()) as RunState
}

export const cancel = (url: string, id: string): Promise<Response> =>
  fetch(`${url}/v1/runs/${id}/cancel`, { method: 'POST' })

/**
 * What a reader has in the end: the text of each lane since it was last void, and how the run ended.
 *
 * Statuses are left out: a reset makes them come again.
 */
export function fold(frames: readonly Frame[]): { lanes: Record<string, string>; end: unknown } {
  let lanes = new Map<string, string>()
  let end: unknown
  for (const frame of frames) {
    if (frame.type === 'reset') {
      const kept = new Set(frame.keep.map(({ predictor, call }) => `${predictor}#${call}`))
      lanes = new Map([...lanes].filter(([key]) => kept.has(key.split(' ', 1)[0] as string)))
      end = undefined
    } else if (frame.type === 'token') {
      const key = `${frame.predictor}#${frame.call ?? 1} ${frame.field}`
      lanes.set(key, (lanes.get(key) ?? '') + frame.chunk)
    } else if (frame.type === 'prediction') {
      end = frame.data
    } else if (frame.type === 'error') {
      end = frame.code
    }
  }
  return { lanes: Object.fromEntries([...lanes].sort()), end }
}
