/** Chooses among the service's programs. The address names the chosen one, so that it can be linked to. */
import type { ProgramDescription, ProgramList } from '../client/index.ts'
import { byId, el } from './dom.ts'
import { withoutRun } from './run-identity.ts'

const PARAMETER = 'program'

export class ProgramPicker {
  readonly #element = byId('picker')
  readonly #select = byId<HTMLSelectElement>('program')
  #list: ProgramList | undefined

  /** @param choose called when somebody chooses another program, or goes back to one */
  constructor(choose: (program: ProgramDescription) => void) {
    this.#select.addEventListener('change', () => {
      history.pushState(null, '', withoutRun(addressOf(this.#select.value, this.#list?.default)))
      const program = this.#program(this.#select.value)
      if (program) choose(program)
    })
    addEventListener('popstate', () => {
      const program = this.chosen
      if (!program) return
      this.#select.value = program.name
      choose(program)
    })
  }

  show(list: ProgramList): void {
    this.#list = list
    this.#element.hidden = list.programs.length < 2
    const options = list.programs.map(({ name, description }) => {
      const option = el('option', '', description === undefined ? name : `${name} – ${description}`)
      option.value = name
      return option
    })
    this.#select.replaceChildren(...options)
    this.#select.value = this.chosen?.name ?? ''
  }

  /** The program that the address names, or else the service's default; undefined before the list is known. */
  get chosen(): ProgramDescription | undefined {
    return this.#program(this.wanted) ?? this.#program(this.#list?.default)
  }

  /** The name in the address, which may be that of no program. */
  get wanted(): string | undefined {
    return new URLSearchParams(location.search).get(PARAMETER) ?? undefined
  }

  /** A program of the service by its name. */
  find(name: string): ProgramDescription | undefined {
    return this.#program(name)
  }

  /** Turns to a program for a run that is shown, without a step in the browser's history. */
  turnTo(name: string): void {
    history.replaceState(null, '', addressOf(name, this.#list?.default))
    this.#select.value = name
  }

  /** Whether requests needn't name the program. */
  isDefault({ name }: ProgramDescription): boolean {
    return name === this.#list?.default
  }

  #program(name: string | undefined): ProgramDescription | undefined {
    return this.#list?.programs.find((one) => one.name === name)
  }
}

/** This page's address with the program in it, unless it is the default one. */
function addressOf(name: string, ofDefault: string | undefined): URL {
  const url = new URL(location.href)
  if (name === ofDefault) url.searchParams.delete(PARAMETER)
  else url.searchParams.set(PARAMETER, name)
  return url
}
