/** A list of texts, one per line. Blank lines are none. */
import type { Control } from './control.ts'
import { textArea } from './text-area.ts'

/** @param isRequired whether an empty list is a value; otherwise it is left out */
export function textsControl(isRequired: boolean): Control {
  const element = textArea('lines')
  return {
    element,
    note: 'One per line.',
    read: () => {
      const lines = element.value.split('\n').map((line) => line.trim())
      const texts = lines.filter((line) => line !== '')
      return { value: texts.length > 0 || isRequired ? texts : undefined }
    },
    write: (value) => {
      element.value = Array.isArray(value) ? value.join('\n') : ''
    },
  }
}
