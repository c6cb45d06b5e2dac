/** A button that opens a file. Browsers show a file input in their own way and language, so a button opens it. */
import { button, el } from '../dom.ts'

/** @param accept which files the browser offers, such as `.json,application/json` */
export function fileButton(label: string, accept: string, take: (file: File) => void): HTMLElement {
  const chooser = el('input')
  chooser.type = 'file'
  chooser.accept = accept
  chooser.hidden = true
  chooser.addEventListener('change', () => {
    const [file] = chooser.files ?? []
    chooser.value = '' // so that the same file can be chosen again, once it has changed
    if (file) take(file)
  })
  return el(
    'span',
    '',
    button('quiet', label, () => chooser.click()),
    chooser,
  )
}
