/** A button that opens a short list of further buttons. A press elsewhere, Escape, or a choice closes it. */
import { button, el } from './dom.ts'

export type Choice = { readonly label: string; readonly choose: () => void }

export function menu(label: string, choices: readonly Choice[]): HTMLElement {
  const close = () => {
    element.open = false
  }
  const list = el('div', 'choices')
  const element = el('details', 'menu', el('summary', 'quiet', label), list)
  for (const { label, choose } of choices) {
    list.append(
      button('quiet', label, () => {
        close()
        element.querySelector('summary')?.focus()
        choose()
      }),
    )
  }
  const onPress = ({ target }: Event) => {
    if (!element.contains(target as Node)) close()
  }
  element.addEventListener('toggle', () => {
    if (element.open) document.addEventListener('pointerdown', onPress)
    else document.removeEventListener('pointerdown', onPress)
  })
  element.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || !element.open) return
    event.stopPropagation() // at the document it stops the run
    close()
    element.querySelector('summary')?.focus()
  })
  element.addEventListener('focusout', ({ relatedTarget }) => {
    if (relatedTarget && !element.contains(relatedTarget as Node)) close()
  })
  return element
}
