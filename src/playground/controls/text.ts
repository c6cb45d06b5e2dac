/** A text of any length. White space at its ends is no part of it. */
import type { Control } from './control.ts'
import { textArea } from './text-area.ts'

export function textControl(): Control {
  const element = textArea()
  return {
    element,
    read: () => ({ value: element.value.trim() || undefined }),
    write: (value) => {
      element.value = typeof value === 'string' ? value : ''
    },
  }
}
