/** Any value as JSON, typed or from a file. */
import { button, el } from '../dom.ts'
import type { Control } from './control.ts'
import { textArea } from './text-area.ts'

/** @param example a value of the right shape, shown while nothing is there */
export function jsonControl(example: unknown): Control {
  const element = textArea('json')
  element.spellcheck = false
  element.placeholder = JSON.stringify(example)
  return {
    element,
    tool: fileButton((text) => {
      element.value = text
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

/** Browsers show a file input in their own way and language, so a button opens it. */
function fileButton(take: (text: string) => void): HTMLElement {
  const chooser = el('input')
  chooser.type = 'file'
  chooser.accept = '.json,application/json'
  chooser.hidden = true
  chooser.addEventListener('change', async () => {
    const [file] = chooser.files ?? []
    chooser.value = '' // so that the same file can be chosen again, once it has changed
    if (file) take(await file.text())
  })
  return el(
    'span',
    '',
    button('quiet', 'Choose a file…', () => chooser.click()),
    chooser,
  )
}
