/** The prediction as JSON, for what no lane shows: outputs that the program's function has made itself. */
import type { ProgramDescription, RunState } from '../client/index.ts'
import { copyButton } from './copy-button.ts'
import { el } from './dom.ts'
import { JsonText } from './json-text.ts'

/** @returns whether an output of the program is no field of its predictors */
export function hasOwnOutputs({ outputs, predictors }: ProgramDescription): boolean {
  const written = predictors.flatMap(({ fields }) => [...fields, 'reasoning'])
  const { properties = {} } = outputs as { properties?: object }
  return Object.keys(properties).some((name) => !written.includes(name))
}

/** @param id unlike any other on the page */
export function resultElement(prediction: NonNullable<RunState['prediction']>, id: string): HTMLElement {
  const json = JSON.stringify(prediction, null, 2)
  const text = new JsonText()
  text.show(json, true)
  const title = el('h2', '', 'Result')
  title.id = id
  const body = el('div', 'body', text.element)
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
