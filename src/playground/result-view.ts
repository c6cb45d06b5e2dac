/** The prediction as JSON, for what no lane shows: outputs that the program's function has made itself. */
import type { ProgramDescription, RunState } from '../client/index.ts'
import { copyButton } from './copy-button.ts'
import { el } from './dom.ts'

/** @returns whether an output of the program is no field of its predictors */
export function hasOwnOutputs({ outputs, predictors }: ProgramDescription): boolean {
  const written = predictors.flatMap(({ fields }) => [...fields, 'reasoning'])
  const { properties = {} } = outputs as { properties?: object }
  return Object.keys(properties).some((name) => !written.includes(name))
}

export function resultElement(prediction: NonNullable<RunState['prediction']>): HTMLElement {
  const json = JSON.stringify(prediction, null, 2)
  const title = el('h2', '', 'Result')
  title.id = 'result-title'
  const body = el('div', 'body', el('div', 'text json', json))
  body.tabIndex = 0 // it scrolls, so it must be reachable by keyboard
  body.role = 'group'
  body.setAttribute('aria-labelledby', title.id)
  const head = el(
    'header',
    'head',
    title,
    copyButton('the result', () => json),
  )
  const element = el('section', 'lane', head, body)
  element.dataset.phase = 'done'
  element.setAttribute('aria-labelledby', title.id)
  return element
}
