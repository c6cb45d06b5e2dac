/**
 * The text that a model writes and the call that comes beside it -> the fields of a tool loop's turn. The text is the
 * thought. The arguments are the JSON that the model wrote, to the letter.
 *
 * A model that calls no tool has nothing more to look up: that is how every model says so that was taught to call
 * tools. The turn then has the name `finish`, as if the model had called that. Not so if the token limit cut it off: it
 * might have gone on to call one.
 */
import { FINISH, NEXT_THOUGHT, NEXT_TOOL_ARGS, NEXT_TOOL_NAME, REASONING } from '../../format.ts'
import { type Field, namesOf } from '../../signature.ts'
import type { CompletionParser, FieldChunk, ToolCall } from '../adapter.ts'
import { ExactValue } from '../json/exact-value.ts'
import { Value } from '../value.ts'

/** The arguments of a call that has none, for which many servers write nothing at all. */
const NO_ARGS = '{}'

export class ToolCallsParser implements CompletionParser {
  /** A call ends where the model does. */
  readonly isCompleted = false
  readonly #fields: readonly string[]
  readonly #values = new Map<string, Value | ExactValue>()
  #hasArgs = false
  #out: FieldChunk[] = []

  /** @param outputs the fields of a tool loop's turn, in signature order */
  constructor(outputs: readonly Field[]) {
    this.#fields = namesOf(outputs)
  }

  /** Takes the next piece of the thought. What a model writes after its call isn't part of it. */
  push(text: string): readonly FieldChunk[] {
    this.#write(NEXT_THOUGHT, text)
    return this.#take()
  }

  /** Takes native reasoning, which has a lane of its own. */
  think(text: string): readonly FieldChunk[] {
    this.#write(REASONING, text)
    return this.#take()
  }

  call({ name, args }: ToolCall): readonly FieldChunk[] {
    this.#close(NEXT_THOUGHT)
    if (name !== '') this.#write(NEXT_TOOL_NAME, name)
    if (args !== '') {
      if (this.#values.has(NEXT_TOOL_NAME)) this.#close(NEXT_TOOL_NAME)
      this.#write(NEXT_TOOL_ARGS, args)
      this.#hasArgs ||= args.trim() !== ''
    }
    return this.#take()
  }

  end(isCut = false): readonly FieldChunk[] {
    const hasCall = this.#values.has(NEXT_TOOL_NAME) || this.#values.has(NEXT_TOOL_ARGS)
    if (this.#values.has(NEXT_THOUGHT)) this.#close(NEXT_THOUGHT)
    if (!hasCall && !isCut && this.#hasThought) this.#write(NEXT_TOOL_NAME, FINISH)
    if (this.#values.has(NEXT_TOOL_NAME) && !isCut && !this.#hasArgs) this.#write(NEXT_TOOL_ARGS, NO_ARGS)
    for (const field of this.#values.keys()) this.#close(field)
    return this.#take()
  }

  get texts(): Record<string, string> {
    return Object.fromEntries(
      this.#fields.flatMap((field) => {
        const value = this.#values.get(field)
        return value ? [[field, value.text]] : []
      }),
    )
  }

  get missing(): string[] {
    return this.#fields.filter((field) => !this.#values.has(field))
  }

  get #hasThought(): boolean {
    const thought = this.#values.get(NEXT_THOUGHT)
    return thought !== undefined && thought.text !== ''
  }

  #value(field: string): Value | ExactValue {
    let value = this.#values.get(field)
    if (!value) {
      value = field === NEXT_TOOL_ARGS ? new ExactValue() : new Value()
      this.#values.set(field, value)
    }
    return value
  }

  #write(field: string, text: string): void {
    const value = this.#value(field)
    if (value.isClosed) return
    this.#add(field, value.add(text), false)
  }

  #close(field: string): void {
    const value = this.#value(field)
    if (value.isClosed) return
    this.#add(field, value.close(), true)
  }

  #add(field: string, chunk: string, isLast: boolean): void {
    if (chunk === '' && !isLast) return
    const last = this.#out.at(-1)
    if (last?.field === field) {
      last.chunk += chunk
      last.isLast = isLast
    } else {
      this.#out.push({ field, chunk, isLast })
    }
  }

  #take(): readonly FieldChunk[] {
    const out = this.#out
    this.#out = []
    return out
  }
}
