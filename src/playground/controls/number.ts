/** A number. */
import { el } from '../dom.ts'
import type { Control } from './control.ts'

export function numberControl(isWhole: boolean): Control {
  const element = el('input')
  element.type = 'number'
  element.step = isWhole ? '1' : 'any'
  element.autocomplete = 'off'
  return {
    element,
    read: () => {
      if (element.validity.badInput) return { fault: "This isn't a number." }
      if (element.value === '') return { value: undefined }
      const value = Number(element.value)
      return isWhole && !Number.isInteger(value) ? { fault: 'A whole number is needed.' } : { value }
    },
    write: (value) => {
      element.value = typeof value === 'number' ? String(value) : ''
    },
  }
}
