/** How the page words waits, labels and what is wrong. What a lane says is the client's. */
import { seconds } from '../client/index.ts'

/** A wait in milliseconds, which may be too short for seconds: `40 ms`. */
export const wait = (ms: number) => (ms < 1_000 ? `${Math.round(ms)} ms` : seconds(ms))

/** An input's name as a label: `max_items` is "Max items". */
export const labelOf = (name: string) => capital(name.replaceAll('_', ' '))

/** What is wrong, from the widest part to the detail: "Item 1, price: a number is needed." */
export function sentence(...parts: readonly string[]): string {
  const text = capital(parts.filter((part) => part !== '').join(': '))
  return /[.!?]$/.test(text) ? text : `${text}.`
}

/**
 * The same sentence with places in words: `/lines/0/price: a number is needed` is "lines, item 1, price: a number is
 * needed". People read no JSON pointers.
 */
export const withoutPointers = (text: string) =>
  text.replaceAll(/(^|[\s;])((?:\/[^\s/:]+)+): /g, (_, before: string, pointer: string) => {
    const steps = pointer.slice(1).split('/')
    const words = steps.map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    return `${before}${words.map((word, index) => (index > 0 && /^\d+$/.test(word) ? `item ${Number(word) + 1}` : word)).join(', ')}: `
  })

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1)
