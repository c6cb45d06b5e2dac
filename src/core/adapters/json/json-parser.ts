/**
 * Text in any pieces -> chunks of fields, and the fields' values. The completion is one JSON object whose keys are the
 * output fields, in any order. A `str` streams its characters, any other field its JSON text as the model writes it.
 *
 * The object is the first one that has a key of an output field. What comes before it, such as a sentence, a Markdown
 * fence or braces that mean something else, is skipped. So are the values of unknown and of repeated keys. What follows
 * the object's closing brace isn't part of the completion.
 *
 * Only an unfinished escape and the first half of a surrogate pair are held back. No character is read twice, except
 * the one that shows that a number is over.
 *
 * Nothing is repaired. If the JSON is broken, breaks off, or has another value for a `str`, the field that was being
 * written stays open, and {@link JsonParser.fault} says why.
 */
import type { Fault } from '../../fault.ts'
import { REASONING } from '../../format.ts'
import type { Field } from '../../signature.ts'
import type { CompletionParser, FieldChunk } from '../adapter.ts'
import { Value } from '../value.ts'
import { isBlank } from './blank.ts'
import { ExactValue } from './exact-value.ts'
import { JsonString } from './json-string.ts'
import { RawExtent } from './raw-extent.ts'

/**
 * What comes next.
 *
 * - `object`: an opening brace; anything else is skipped. `first key`: the key that shows that it opened an object
 * - `key name`: the rest of a key
 * - `colon`, `value`, `comma`, `key`: these, after white space. A closing brace may come instead of the comma
 * - `text`, `raw`: the rest of a `str`, the rest of any other value
 * - `nothing`: the object has ended, or it is broken
 */
type Expected =
  | 'object'
  | 'first key'
  | 'key name'
  | 'colon'
  | 'value'
  | 'text'
  | 'raw'
  | 'comma'
  | 'key'
  | 'nothing'

const NO_CHUNKS: readonly FieldChunk[] = []

export class JsonParser implements CompletionParser {
  readonly #fields: readonly Field[]
  /** The field that chain of thought has, whose text may also come as native reasoning. */
  readonly #reasoning: Field | undefined
  /** UTF-16 units of the longest field name. A longer key is unknown, and isn't kept. */
  readonly #longestKey: number
  readonly #values = new Map<string, ExactValue>()
  #expected: Expected = 'object'
  /** What has come of the key that is being read, or of the latest one. */
  #key = ''
  /** The field whose value is being read; undefined between values, and for a value that is skipped. */
  #field: Field | undefined
  /** The fields whose keys have come. Once there is one, this is the object. */
  readonly #begun = new Set<string>()
  /** The latest of them. */
  #latest = ''
  #string = new JsonString()
  #extent = new RawExtent()
  /** Native reasoning. It has no quotes around it, so white space at its ends isn't part of it. */
  readonly #native = new Value()
  #thinksNatively = false
  #fault: Fault | undefined
  #out: FieldChunk[] = []

  /** @param outputs the output fields, in signature order */
  constructor(outputs: readonly Field[]) {
    this.#fields = outputs
    this.#reasoning = outputs.find(({ name }) => name === REASONING)
    this.#longestKey = Math.max(...outputs.map(({ name }) => name.length))
  }

  /** Takes the next piece of the completion's text. */
  push(text: string): readonly FieldChunk[] {
    for (let at = 0; at < text.length && this.#expected !== 'nothing'; ) at = this.#read(text, at)
    return this.#take()
  }

  /**
   * Takes native reasoning: text of the field `reasoning` that a model sends beside its completion. It goes before what
   * the object itself has under that key. Some models think again in the middle of an answer, so a field that has native
   * reasoning closes with the object. Native reasoning is dropped if the object's own has already closed.
   */
  think(text: string): readonly FieldChunk[] {
    if (this.#expected === 'nothing' || (this.#reasoning && this.#reasoning.type.kind !== 'str'))
      return NO_CHUNKS
    this.#thinksNatively = true
    this.#write(REASONING, this.#native.add(text))
    return this.#take()
  }

  /** The completion has ended. Every field closes, unless the object never ended. */
  end(): readonly FieldChunk[] {
    if (this.#expected !== 'nothing') {
      this.#expected = 'nothing'
      this.#fault =
        this.#begun.size > 0
          ? this.#faultHere('breaks off')
          : { pointer: '', detail: 'a JSON object with the fields as its keys is needed' }
    }
    if (this.#fault) return NO_CHUNKS
    if (this.#reasoning?.type.kind === 'str') this.#value(REASONING)
    if (this.#thinksNatively) this.#write(REASONING, this.#native.close())
    for (const name of this.#values.keys()) this.#close(name)
    return this.#take()
  }

  /** Whether the object's closing brace has been read, or it is broken. */
  get isCompleted(): boolean {
    return this.#expected === 'nothing'
  }

  get texts(): Record<string, string> {
    return Object.fromEntries(
      this.#fields.flatMap(({ name }) => {
        const value = this.#values.get(name)
        return value ? [[name, value.text]] : []
      }),
    )
  }

  get missing(): string[] {
    return this.#fields.flatMap(({ name }) => (this.#values.has(name) ? [] : [name]))
  }

  get fault(): Fault | undefined {
    return this.#fault
  }

  /** @returns where reading came to; `at` itself if the same character has to be read as something else */
  #read(text: string, at: number): number {
    switch (this.#expected) {
      case 'object':
        return this.#readPreamble(text, at)
      case 'key name':
        return this.#readKeyName(text, at)
      case 'text':
        return this.#readText(text, at)
      case 'raw':
        return this.#readRaw(text, at)
      default:
        return this.#readMark(text.charAt(at), at)
    }
  }

  #readPreamble(text: string, at: number): number {
    const brace = text.indexOf('{', at)
    if (brace === -1) return text.length
    this.#expected = 'first key'
    return brace + 1
  }

  #readKeyName(text: string, at: number): number {
    const piece = this.#string.read(text, at)
    if (this.#key.length <= this.#longestKey) this.#key += piece
    if (this.#string.isBroken) this.#breakAt(this.#string.end)
    else if (this.#string.isOver) this.#expected = 'colon'
    return this.#string.end
  }

  #readText(text: string, at: number): number {
    this.#writeField(this.#string.read(text, at))
    if (this.#string.isBroken) this.#breakAt(this.#string.end)
    else if (this.#string.isOver) this.#endValue()
    return this.#string.end
  }

  #readRaw(text: string, at: number): number {
    const end = this.#extent.read(text, at)
    this.#writeField(text.slice(at, end))
    if (this.#extent.isOver) this.#endValue()
    return end
  }

  /** Reads a character that stands between keys and values, or begins one. */
  #readMark(character: string, at: number): number {
    if (isBlank(character)) return at + 1
    switch (this.#expected) {
      case 'first key':
        if (character === '"') this.#beginKey()
        else if (character !== '{') this.#expected = 'object'
        return at + 1
      case 'key':
        if (character !== '"') return this.#breakAt(at)
        this.#beginKey()
        return at + 1
      case 'colon':
        if (character !== ':') return this.#breakAt(at)
        this.#expected = 'value'
        return at + 1
      case 'value':
        return this.#beginValue(character, at)
      default:
        if (character !== ',' && character !== '}') return this.#breakAt(at)
        if (character === ',') this.#expected = 'key'
        else this.#expected = this.#begun.size > 0 ? 'nothing' : 'object'
        return at + 1
    }
  }

  #beginKey(): void {
    this.#key = ''
    this.#string = new JsonString()
    this.#expected = 'key name'
  }

  #beginValue(character: string, at: number): number {
    if (',:]}'.includes(character)) return this.#breakAt(at)
    const field = this.#fields.find(({ name }) => name === this.#key && !this.#begun.has(name))
    this.#field = field
    if (field) {
      this.#begun.add(field.name)
      this.#latest = field.name
      const value = this.#value(field.name)
      if (value.text !== '') this.#write(field.name, '\n') // native reasoning stands here: keep the two apart
    }
    if (field?.type.kind !== 'str') {
      this.#extent = new RawExtent()
      this.#expected = 'raw'
      return at
    }
    if (character !== '"') return this.#breakAt(at, 'a text in double quotes is needed')
    this.#string = new JsonString()
    this.#expected = 'text'
    return at + 1
  }

  #endValue(): void {
    if (this.#field && !(this.#field.name === REASONING && this.#thinksNatively))
      this.#close(this.#field.name)
    this.#field = undefined
    this.#expected = 'comma'
  }

  /**
   * The JSON is broken here. If it has had no field yet, it wasn't the completion's object, which may still come.
   *
   * @returns `at`
   */
  #breakAt(at: number, detail?: string): number {
    this.#expected = 'object'
    if (this.#begun.size === 0) return at
    this.#expected = 'nothing'
    this.#fault = this.#faultHere('is broken', detail)
    return at
  }

  #faultHere(what: string, detail = `the JSON ${what} ${this.#field ? 'in' : 'after'} this value`): Fault {
    return { pointer: `/${this.#latest}`, detail }
  }

  #value(field: string): ExactValue {
    let value = this.#values.get(field)
    if (!value) {
      value = new ExactValue()
      this.#values.set(field, value)
    }
    return value
  }

  #writeField(text: string): void {
    if (this.#field) this.#write(this.#field.name, text)
  }

  #write(field: string, text: string): void {
    const value = this.#value(field)
    if (value.isClosed || text === '') return
    const chunk = value.add(text)
    if (chunk === '') return
    const last = this.#out.at(-1)
    if (last?.field === field) last.chunk += chunk
    else this.#out.push({ field, chunk, isLast: false })
  }

  #close(field: string): void {
    const value = this.#value(field)
    if (value.isClosed) return
    const chunk = value.close()
    const last = this.#out.at(-1)
    if (last?.field === field) {
      last.chunk += chunk
      last.isLast = true
    } else {
      this.#out.push({ field, chunk, isLast: true })
    }
  }

  #take(): FieldChunk[] {
    const out = this.#out
    this.#out = []
    return out
  }
}
