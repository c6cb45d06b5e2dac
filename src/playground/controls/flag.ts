/** True or false. */
import { el } from '../dom.ts'
import type { Control } from './control.ts'

export function flagControl(): Control {
  const element = el('input')
  element.type = 'checkbox'
  return {
    element,
    read: () => ({ value: element.checked }),
    write: (value) => {
      element.checked = value === true
    },
  }
}
