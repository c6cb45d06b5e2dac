/** Files that are dropped anywhere on the page. */
import { byId, el } from '../dom.ts'

export function takeDroppedFiles(take: (file: File) => void): void {
  const hint = el('div', 'drop-hint', el('p', '', 'Drop the file of a run to show it here'))
  hint.hidden = true
  byId('overlays').append(hint)
  const hasFiles = ({ dataTransfer }: DragEvent) => dataTransfer?.types.includes('Files') ?? false
  addEventListener('dragover', (event) => {
    if (!hasFiles(event)) return
    event.preventDefault() // otherwise the browser opens the file in place of the page
    hint.hidden = false
  })
  addEventListener('dragleave', ({ relatedTarget }) => {
    if (relatedTarget === null) hint.hidden = true
  })
  addEventListener('drop', (event) => {
    if (!hasFiles(event)) return
    event.preventDefault()
    hint.hidden = true
    const [file] = event.dataTransfer?.files ?? []
    if (file) take(file)
  })
}
