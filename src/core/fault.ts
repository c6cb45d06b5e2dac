/** What is wrong with a value, and where. */

/** Faults that are named; the others are counted. So what is said of a value stays small, whatever the value is. */
export const MAX_FAULTS = 10

/** Faults after which a list is looked at no further: each costs some 10 µs, and a body has room for 60,000. */
const ENOUGH = 1_000

/** UTF-16 units that are repeated of anything that somebody else wrote. */
const MAX_EXCERPT = 100

/** UTF-16 units that are said of one fault. */
const MAX_DETAIL = 300

/** The beginning of a text such as a path or a key: all of it where it is short. */
export function excerpt(text: string, max = MAX_EXCERPT): string {
  return text.length <= max ? text : `${text.slice(0, max).toWellFormed()}…`
}

/**
 * @property pointer a JSON pointer (RFC 6901); '' is the whole value
 * @property detail what to change there
 */
export type Fault = { readonly pointer: string; readonly detail: string }

/** The faults of one value. */
export class Faults {
  /** The first ones. */
  readonly named: Fault[] = []
  /** How many have been found. */
  count = 0

  #mayBeMore = false

  /** Asks whether it is worth the while to look for more. If not, there may be more than are counted. */
  areEnough(): boolean {
    this.#mayBeMore ||= this.count >= ENOUGH
    return this.#mayBeMore
  }

  add(pointer: string, detail: string): void {
    this.count++
    if (this.named.length < MAX_FAULTS) this.named.push({ pointer, detail: excerpt(detail, MAX_DETAIL) })
  }

  /** Where and what, for each that is named, and how many more there are. */
  get lines(): string[] {
    const list = this.named.map(({ pointer, detail }) => (pointer === '' ? detail : `${pointer}: ${detail}`))
    const more = this.count - this.named.length
    const atLeast = this.#mayBeMore ? 'at least ' : ''
    return more > 0 ? [...list, `… and ${atLeast}${more.toLocaleString('en')} more`] : list
  }

  /** All of them in a sentence. */
  toString(): string {
    return this.lines.join('; ')
  }
}

/** One step of a JSON pointer: `~` and `/` are escaped. A key that is cut can still be found by its beginning. */
export const step = (key: PropertyKey): string =>
  `/${excerpt(String(key)).replaceAll('~', '~0').replaceAll('/', '~1')}`
