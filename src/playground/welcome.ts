/** What the page says before it shows a run: what the program does, step by step, and questions to try. */
import type { ProgramDescription } from '../client/index.ts'
import { byId } from './dom.ts'
import { flow } from './flow.ts'

export class Welcome {
  readonly #element = byId('welcome')

  /** @param ask called with the example that somebody has chosen */
  constructor(ask: (question: string) => void) {
    for (const example of this.#element.querySelectorAll('.example')) {
      example.addEventListener('click', () => ask(example.textContent ?? ''))
    }
  }

  /** @param isQuestion whether a question is all that the program takes: then there are examples */
  describe(program: ProgramDescription, isQuestion: boolean): void {
    byId('flow').replaceChildren(...flow(program))
    byId('about').hidden = program.description === undefined
    byId('about').textContent = program.description ?? ''
    byId('examples').hidden = !isQuestion
  }

  show(isShown: boolean): void {
    this.#element.hidden = !isShown
  }
}
