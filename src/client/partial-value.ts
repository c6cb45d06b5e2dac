/**
 * The JSON text of a field, in any pieces -> its value so far, for a screen that shows a value while it is written.
 *
 * What is closed is exact. An open text has its characters so far, and an open list or object what it has so far; a
 * number or a word such as `true` is left out until it is closed. No character is looked at twice. The state is the way
 * down to the part that is being read, so lists and objects are changed in place, not made anew with every piece.
 *
 * Models also write Python's constants and quotes, or a fence of Markdown around the value, and the service reads all
 * of these. Where a text can't be read on, the value stays as it is.
 */

type Container = unknown[] | Record<string, unknown>

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** The words that are values, in JSON and in Python. */
const WORDS: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['true', true],
  ['false', false],
  ['null', null],
  ['True', true],
  ['False', false],
  ['None', null],
])

/** What a character means behind a backslash, if it doesn't mean itself. */
const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }

const isSpace = (character: string) => /\s/.test(character)
const isHighSurrogate = (unit: string) => unit >= '\ud800' && unit <= '\udbff'

export class PartialValue {
  #value: unknown
  /** The lists and objects that are open, the innermost last, and the key at which each object is being filled. */
  readonly #open: Container[] = []
  readonly #keys: string[] = []
  /** What comes next. Nothing comes after the whole value, or after text that can't be read. */
  #next: 'value' | 'key' | 'colon' | 'comma' | 'text' | 'word' | 'fence' | 'nothing' = 'value'
  #isKey = false
  #quote = ''
  /** The text that is being read, up to its last whole character. */
  #text = ''
  /** The first half of a surrogate pair: alone it is no character, so it isn't shown before the second comes. */
  #half = ''
  /** An escape that isn't finished, from its backslash on. */
  #escape = ''
  /** The number or word that is being read. */
  #word = ''

  /** The value so far; undefined before it begins. Lists and objects in it grow with further pieces. */
  get value(): unknown {
    return this.#value
  }

  /**
   * Reads on. Never throws.
   *
   * @param chunk any piece of the text, such as the chunk of a token frame
   * @returns the value so far: {@link value}
   */
  push(chunk: string): unknown {
    for (let at = 0; at < chunk.length && this.#next !== 'nothing'; ) at = this.#read(chunk, at)
    return this.#value
  }

  /**
   * Says that no more text comes, which closes a number or a word that stands alone.
   *
   * @returns the value
   */
  end(): unknown {
    // Within a list or an object it is cut off, and may have had more to it.
    if (this.#next === 'word' && this.#open.length === 0) this.#closeWord()
    this.#next = 'nothing'
    return this.#value
  }

  /** @returns how far it has read */
  #read(chunk: string, at: number): number {
    if (this.#next === 'text') return this.#readText(chunk, at)
    const character = chunk.charAt(at)
    if (this.#next === 'word') {
      if (!isSpace(character) && !',]}:'.includes(character)) {
        this.#word += character
        return at + 1
      }
      this.#closeWord()
      return at
    }
    if (this.#next === 'fence') {
      if (character === '\n') this.#next = 'value'
    } else if (!isSpace(character)) {
      this.#take(character)
    }
    return at + 1
  }

  /** Takes a character between values. */
  #take(character: string): void {
    const within = this.#open.at(-1)
    if (character === (Array.isArray(within) ? ']' : '}') && within && this.#next !== 'colon') {
      this.#open.pop()
      this.#keys.pop()
      this.#afterValue()
    } else if (this.#next === 'value') this.#beginValue(character)
    else if (this.#next === 'comma' && character === ',') this.#next = Array.isArray(within) ? 'value' : 'key'
    else if (this.#next === 'colon' && character === ':') this.#next = 'value'
    else if (this.#next === 'key' && `"'`.includes(character)) this.#beginText(character, true)
    else this.#next = 'nothing'
  }

  #beginValue(character: string): void {
    if (character === '[' || character === '{') {
      const container = character === '[' ? [] : {}
      this.#place(container)
      this.#open.push(container)
      this.#keys.push('')
      this.#next = character === '[' ? 'value' : 'key'
    } else if (`"'`.includes(character)) {
      this.#place('')
      this.#beginText(character, false)
    } else if (character === '`' && this.#open.length === 0) {
      this.#next = 'fence'
    } else {
      this.#word = character
      this.#next = 'word'
    }
  }

  #beginText(quote: string, isKey: boolean): void {
    this.#quote = quote
    this.#isKey = isKey
    this.#text = ''
    this.#next = 'text'
  }

  #readText(chunk: string, from: number): number {
    let at = from
    if (this.#escape !== '') {
      this.#readEscape(chunk.charAt(at))
      at++
    } else {
      while (at < chunk.length) {
        const character = chunk.charAt(at)
        if (character === this.#quote || character === '\\') break
        at++
      }
      this.#append(chunk.slice(from, at))
      if (at < chunk.length) {
        if (chunk.charAt(at) === '\\') this.#escape = '\\'
        else this.#closeText()
        at++
      }
    }
    if (this.#next === 'text' && !this.#isKey && at === chunk.length) this.#replace(this.#text)
    return at
  }

  #readEscape(character: string): void {
    this.#escape += character
    if (this.#escape === '\\u') return
    if (!this.#escape.startsWith('\\u')) {
      this.#append(ESCAPES[character] ?? character)
    } else if (!/[\da-f]/i.test(character)) {
      if (!this.#isKey) this.#replace(this.#text)
      this.#next = 'nothing'
    } else if (this.#escape.length === '\\u0000'.length) {
      this.#append(String.fromCharCode(Number.parseInt(this.#escape.slice(2), 16)))
    } else {
      return
    }
    this.#escape = ''
  }

  #append(characters: string): void {
    if (characters === '') return
    const last = characters.charAt(characters.length - 1)
    const isHalf = isHighSurrogate(last)
    this.#text += this.#half + (isHalf ? characters.slice(0, -1) : characters)
    this.#half = isHalf ? last : ''
  }

  #closeText(): void {
    const text = this.#text + this.#half
    this.#half = ''
    if (this.#isKey) {
      this.#keys[this.#keys.length - 1] = text
      this.#next = 'colon'
    } else {
      this.#replace(text)
      this.#afterValue()
    }
  }

  #closeWord(): void {
    const isNumber = NUMBER.test(this.#word)
    if (!isNumber && !WORDS.has(this.#word)) {
      this.#next = 'nothing'
      return
    }
    this.#place(isNumber ? Number(this.#word) : WORDS.get(this.#word))
    this.#afterValue()
  }

  #afterValue(): void {
    this.#next = this.#open.length === 0 ? 'nothing' : 'comma'
  }

  /** Puts a value where the next one belongs. */
  #place(value: unknown): void {
    const within = this.#open.at(-1)
    if (Array.isArray(within)) within.push(value)
    else this.#replace(value)
  }

  /** Puts a value where the last one stands. */
  #replace(value: unknown): void {
    const within = this.#open.at(-1)
    if (within === undefined) this.#value = value
    else if (Array.isArray(within)) within[within.length - 1] = value
    else {
      // Defined, not assigned: a key may be `__proto__`.
      const key = this.#keys.at(-1) as string
      Object.defineProperty(within, key, { value, writable: true, enumerable: true, configurable: true })
    }
  }
}

/**
 * The value so far of a text that is there already. For a text that grows, {@link PartialValue} reads each character
 * once.
 *
 * @param text the beginning of a JSON text, such as a lane's `fields.lines.text`
 * @param isClosed whether it is all of it, so that a number or a word at its end is closed too
 * @returns undefined if no value has begun
 */
export function partialOf(text: string, isClosed = false): unknown {
  const partial = new PartialValue()
  partial.push(text)
  return isClosed ? partial.end() : partial.value
}
