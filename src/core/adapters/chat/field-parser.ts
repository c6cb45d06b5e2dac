/**
 * Text in any pieces -> chunks of fields, and the fields' values. There is no second parser: the chunks that
 * were streamed, joined, are the prediction.
 *
 * The format is DSPy's: `[[ ## name ## ]]` opens a field and `[[ ## completed ## ]]` ends the completion. A
 * marker counts only at the start of a line (of the text, or after LF) and only for an output field that has
 * not been seen, or for `completed`; everything else is text. So text that looks like a marker is kept, and a
 * second `[[ ## answer ## ]]` is part of the value around it. The first marker may be indented: some
 * servers and models begin with a blank, and where nothing is open yet no value can lose a line.
 *
 * Held back is only what could still be a marker, white space that may turn out to be trailing, or the first half of
 * a surrogate pair, since readers in Python can't join it to the second. No character is matched twice: what a cut
 * marker has matched so far is kept as a position in the markers, not as text to be read again, so that n characters
 * cost O(n) however they are cut.
 */
import { COMPLETED, marker, REASONING } from '../../format.ts'
import type { CompletionParser, FieldChunk } from '../adapter.ts'
import { isSpace, Value } from '../value.ts'

const NONE: readonly string[] = []

export class FieldParser implements CompletionParser {
  readonly #fields: readonly string[]
  readonly #values = new Map<string, Value>()
  /** The markers that would count now, with the field that each opens. */
  readonly #open = new Map<string, string>()
  #markers: readonly string[]
  /** Those of them that agree with this line so far; none once the line can't be a marker any more. */
  #candidates: readonly string[]
  /** How many of the candidates' characters the line has matched. */
  #matched = 0
  /** The field being written: undefined before the first marker, null after `completed`. */
  #current: string | null | undefined
  /** Text before the first marker: dropped when one comes, the last field's value if none ever does. */
  readonly #preamble = new Value()
  #thinksNatively = false
  #isCompleted = false
  #out: FieldChunk[] = []

  /** @param fields the output fields, in signature order */
  constructor(fields: readonly string[]) {
    this.#fields = fields
    for (const name of [...fields, COMPLETED]) this.#open.set(marker(name), name)
    this.#markers = [...this.#open.keys()]
    this.#candidates = this.#markers
  }

  /** Takes the next piece of the completion's text. */
  push(text: string): FieldChunk[] {
    let from = 0 // what precedes it has been written
    let at = 0
    let before = this.#matched // marker characters held since earlier pieces, so not part of `text`
    while (at < text.length && this.#current !== null) {
      if (this.#candidates.length === 0) {
        const lineFeed = text.indexOf('\n', at)
        at = lineFeed === -1 ? text.length : lineFeed + 1
        if (lineFeed !== -1) this.#candidates = this.#markers
        continue
      }
      const candidate = this.#candidates[0] as string
      if (this.#current === undefined && this.#matched === 0 && isSpace(text.charAt(at))) {
        at++
        continue
      }
      const code = text.charCodeAt(at)
      const agreeing = this.#candidates.filter((one) => one.charCodeAt(this.#matched) === code)
      if (agreeing.length === 0) {
        this.#write(candidate.slice(0, before))
        this.#giveUpMarker()
        before = 0
        continue
      }
      at++
      this.#candidates = agreeing
      this.#matched++
      if (this.#matched === candidate.length) {
        const start = at - (this.#matched - before)
        this.#write(text.slice(from, start))
        this.#openField(agreeing[0] as string)
        this.#giveUpMarker()
        before = 0
        from = at
      }
    }
    this.#write(text.slice(from, at - (this.#matched - before)))
    return this.#take()
  }

  /**
   * Takes native reasoning: text of the field `reasoning` that a model sends alongside its completion. It goes
   * before what the completion itself writes under that name. Some models think again in mid-answer, so a
   * field that native reasoning has gone into closes with the completion. Where the completion has written
   * and closed its own reasoning before, later native reasoning is dropped: a closed field stays closed.
   */
  think(text: string): FieldChunk[] {
    this.#thinksNatively = true
    this.#writeTo(REASONING, text)
    return this.#take()
  }

  /** The completion has ended: what was held back is text, and every field closes. */
  end(): FieldChunk[] {
    this.#write(this.#candidates[0]?.slice(0, this.#matched) ?? '')
    this.#giveUpMarker()
    if (this.#current === undefined && !this.#preamble.isEmpty) {
      const last = this.#fields.at(-1) as string
      this.#preamble.close()
      this.#writeTo(last, this.#preamble.text)
    }
    this.#current = null
    if (this.#fields.includes(REASONING)) this.#value(REASONING)
    for (const field of new Set([...this.#fields, ...this.#values.keys()])) this.#close(field)
    return this.#take()
  }

  /** Whether the marker `completed` has been read. */
  get isCompleted(): boolean {
    return this.#isCompleted
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

  #giveUpMarker(): void {
    this.#candidates = NONE
    this.#matched = 0
  }

  #openField(marker: string): void {
    const field = this.#open.get(marker) as string
    this.#open.delete(marker)
    this.#markers = [...this.#open.keys()]
    if (typeof this.#current === 'string' && !(this.#current === REASONING && this.#thinksNatively)) {
      this.#close(this.#current)
    }
    if (field === COMPLETED) {
      this.#isCompleted = true
      this.#current = null
      return
    }
    this.#current = field
    if (!this.#value(field).isEmpty) this.#writeTo(field, '\n') // native reasoning stands here: keep the two apart
  }

  #value(field: string): Value {
    let value = this.#values.get(field)
    if (!value) {
      value = new Value()
      this.#values.set(field, value)
    }
    return value
  }

  #write(text: string): void {
    if (text === '' || this.#current === null) return
    if (this.#current === undefined) this.#preamble.add(text)
    else this.#writeTo(this.#current, text)
  }

  #writeTo(field: string, text: string): void {
    const value = this.#value(field)
    if (value.isClosed) return
    const chunk = value.add(text)
    if (chunk === '') return
    const last = this.#out.at(-1)
    if (last?.field === field) last.chunk += chunk
    else this.#out.push({ field, chunk, isLast: false })
  }

  #close(field: string): void {
    const value = this.#values.get(field)
    if (!value || value.isClosed) return
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
