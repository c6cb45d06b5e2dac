/** A text area of the form's look. */
import { el } from '../dom.ts'

export function textArea(className = ''): HTMLTextAreaElement {
  const area = el('textarea', className)
  area.rows = 1 // it grows with its text
  area.autocomplete = 'off'
  return area
}
