/** Asks for a key when the service wants one, and keeps it for this tab only. */
import { RefusedError } from '../client/index.ts'
import { byId, el } from './dom.ts'

/** Whether a request was refused because it had no key, or a wrong one. */
export const wantsKey = (error: unknown) => error instanceof RefusedError && error.status === 401

export class KeyBox {
  readonly #form = byId('key-form')
  readonly #input = byId<HTMLInputElement>('key')
  readonly #refusal = byId('key-refusal')
  #key = remembered()
  #goOn = () => {}

  constructor() {
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault()
      this.#take(this.#input.value.trim())
    })
    this.#input.addEventListener('input', () => this.#refuse(undefined))
  }

  get key(): string | undefined {
    return this.#key
  }

  /**
   * Asks for a key, after a request without a valid one.
   *
   * @param goOn repeats what was refused
   */
  ask(goOn: () => void): void {
    this.#goOn = goOn
    this.#form.hidden = false
    if (this.#key !== undefined) this.#refuse('The service does not know this key. Is all of it there?')
    this.#key = undefined
    remember(undefined)
    this.#input.focus()
  }

  #take(key: string): void {
    if (!/^[\x21-\x7e]+$/.test(key)) {
      this.#refuse(key === '' ? 'Write the key first.' : 'A key has no spaces and only ASCII characters.')
      this.#input.focus()
      return
    }
    this.#key = key
    remember(key)
    this.#refuse(undefined)
    this.#form.hidden = true
    this.#input.value = ''
    this.#goOn()
  }

  #refuse(sentence: string | undefined): void {
    this.#input.ariaInvalid = sentence === undefined ? null : 'true'
    this.#refusal.replaceChildren(...(sentence === undefined ? [] : [el('p', '', sentence)]))
  }
}

const NAME = 'tributary-key'

// Browsers set to store nothing throw on any use of sessionStorage. The key then lasts until the page is left.

function remembered(): string | undefined {
  try {
    return sessionStorage.getItem(NAME) ?? undefined
  } catch {
    return undefined
  }
}

function remember(key: string | undefined): void {
  try {
    if (key === undefined) sessionStorage.removeItem(NAME)
    else sessionStorage.setItem(NAME, key)
  } catch {}
}
