/**
 * The pieces of tool calls in a stream -> the first call. A model is told to call one tool at a time, but not every
 * endpoint passes that on, so further calls are left out.
 *
 * Servers disagree on how the pieces of a call are told from those of the next. OpenAI numbers calls by `index`. Gemini
 * leaves that out, Ollama and some proxies send 0 with every call, and some repeat name and `id` with each piece or make
 * up a new `id` for each. So a piece is another call's if it has another index, or if it has a name although the
 * arguments are over.
 */
import { isBlank } from '../../core/adapters/json/blank.ts'
import { RawExtent } from '../../core/adapters/json/raw-extent.ts'
import type { Delta } from '../../core/lm.ts'
import { type Choice, unknownShape } from './choice.ts'

/** What we read of a piece; anything may be absent or null. */
type Piece = {
  readonly index?: unknown
  readonly id?: unknown
  readonly function?: { readonly name?: unknown; readonly arguments?: unknown } | null
}

export class FirstCall {
  #first: Pick<Piece, 'index' | 'id'> | undefined
  #name = ''
  #hasArgs = false
  /** Finds the end of the arguments, and reads no character twice. */
  readonly #extent = new RawExtent()
  #isOver = false

  /**
   * Adds what a choice brings of the first call.
   *
   * @throws RunError `upstream_bad_response` for calls of an unknown shape
   */
  add({ delta }: Choice, into: Delta[]): void {
    if (!delta?.tool_calls && !delta?.function_call) return
    const pieces = delta.tool_calls ?? [{ function: delta.function_call }]
    if (!Array.isArray(pieces)) throw unknownShape("tool calls that aren't a list")
    for (const piece of pieces) this.#addPiece(piece ?? {}, into)
  }

  #addPiece(piece: Piece, into: Delta[]): void {
    const name = piece.function?.name ?? ''
    if (typeof name !== 'string') throw unknownShape(`a tool's name that is a ${typeof name}`)
    const args = jsonOf(piece.function?.arguments ?? '')
    if (this.#isOver || (name === '' && args === '')) return
    this.#first ??= piece
    if (isOther(piece.index, this.#first.index)) return
    if (name !== '' && this.#isAnother(piece)) {
      this.#isOver = true
      return
    }
    // What has the same name once more, or a name after its arguments, repeats it.
    const added = this.#hasArgs || name === this.#name ? '' : name
    this.#name += added
    if (args !== '') this.#readArgs(args)
    if (added !== '' || args !== '') into.push({ type: 'tool_call', name: added, args })
  }

  /** Whether a piece with a name, under the first call's index or none, begins another call. */
  #isAnother({ id }: Piece): boolean {
    return this.#extent.isOver || (this.#name !== '' && !this.#hasArgs && isOther(id, this.#first?.id))
  }

  #readArgs(args: string): void {
    let from = 0
    if (!this.#hasArgs) while (from < args.length && isBlank(args.charAt(from))) from++
    this.#hasArgs ||= from < args.length
    if (!this.#extent.isOver) this.#extent.read(args, from)
  }
}

/** Whether both are there and differ. Some servers number in texts. */
const isOther = (one: unknown, other: unknown) =>
  (one ?? '') !== '' && (other ?? '') !== '' && String(one) !== String(other)

/** The arguments as text; some servers send the object that the text would stand for. */
function jsonOf(args: unknown): string {
  if (typeof args === 'string') return args
  if (typeof args === 'object') return JSON.stringify(args)
  throw unknownShape(`a tool's arguments that are a ${typeof args}`)
}
