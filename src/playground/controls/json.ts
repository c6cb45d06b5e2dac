/** Any value as JSON, typed or from a file. */
import { fileButton } from '../files/file-button.ts'
import type { Control } from './control.ts'
import { textArea } from './text-area.ts'

/** @param example a value of the right shape, shown while nothing is there */
export function jsonControl(example: unknown): Control {
  const element = textArea('json')
  element.spellcheck = false
  element.placeholder = JSON.stringify(example)
  return {
    element,
    tool: fileButton('Choose a file…', '.json,application/json', async (file) => {
      element.value = await file.text()
      element.dispatchEvent(new Event('input', { bubbles: true }))
      element.focus()
    }),
    note: 'As JSON.',
    read: () => {
      const text = element.value.trim()
      if (text === '') return { value: undefined }
      try {
        return { value: JSON.parse(text) }
      } catch (error) {
        return { fault: `This isn't valid JSON: ${(error as Error).message}` }
      }
    },
    write: (value) => {
      element.value = value === undefined ? '' : JSON.stringify(value, null, 2)
    },
  }
}
