/** A table of a model's text. It scrolls on its own, so that the page needn't. */
import { el } from '../dom.ts'

/** Cells of a row. What comes after them goes into the last one: browsers take long over thousands of columns. */
const CELLS = 40

/** Rows after which a table goes on in a new one: browsers measure a table as a whole. */
const ROWS = 100

export class TableNodes {
  readonly element = el('div', 'table')
  #body: HTMLElement | undefined
  #row: HTMLTableRowElement | undefined
  #rows = 0

  constructor() {
    this.element.tabIndex = 0 // it scrolls, so it must be reachable by keyboard
    this.element.role = 'group'
    this.element.ariaLabel = 'Table'
  }

  row(): HTMLElement {
    if (this.#rows === 0) this.#begin('thead')
    else if (this.#rows === 1 || this.#rows % ROWS === 0) this.#begin('tbody')
    this.#rows++
    this.#row = el('tr')
    this.#body?.append(this.#row)
    return this.#row
  }

  cell(): HTMLElement {
    const row = this.#row as HTMLTableRowElement // the parser has no cell without a row
    if (row.cells.length === CELLS) {
      const last = row.cells[CELLS - 1] as HTMLTableCellElement
      last.append(' | ')
      return last
    }
    const cell = el(this.#rows === 1 ? 'th' : 'td')
    row.append(cell)
    return cell
  }

  #begin(tag: 'thead' | 'tbody'): void {
    this.#body = el(tag)
    const table = this.#rows === 1 ? this.element.lastElementChild : undefined
    if (table) table.append(this.#body)
    else this.element.append(el('table', '', this.#body))
  }
}
