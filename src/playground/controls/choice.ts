/** One of several values. Nothing is chosen until somebody chooses. */
import { el } from '../dom.ts'
import type { Control } from './control.ts'

export function choiceControl(choices: readonly unknown[], isRequired: boolean): Control {
  const element = el('select')
  const options = [isRequired ? 'Choose…' : 'Leave out', ...choices.map(labelOf)]
  element.append(...options.map((label) => el('option', '', label)))
  return {
    element,
    read: () => ({ value: choices[element.selectedIndex - 1] }),
    write: (value) => {
      element.selectedIndex = choices.indexOf(value) + 1
    },
  }
}

function labelOf(choice: unknown): string {
  if (typeof choice === 'boolean') return choice ? 'Yes' : 'No'
  return typeof choice === 'string' ? choice : JSON.stringify(choice)
}
