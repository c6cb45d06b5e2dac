/** Lays lanes out in rows that are all full: as many side by side as are readable, spread evenly over the rows. */

/** Pixels that a lane needs to be readable, and that are between two. */
const NARROWEST = 300
const GAP = 16

/** How many stand in a row. The last row may have fewer, which are wider then. */
export function perRow(count: number, width: number): number {
  const most = Math.max(1, Math.floor((width + GAP) / (NARROWEST + GAP)))
  return Math.ceil(count / Math.ceil(count / most)) || 1
}

/** Keeps the property `--per-row` of an element true, whatever its width and its lanes. */
export function keepRowsFull(columns: HTMLElement): void {
  const fit = () => {
    const count = columns.querySelectorAll(':scope > .lane').length
    columns.style.setProperty('--per-row', String(perRow(count, columns.clientWidth)))
  }
  new ResizeObserver(fit).observe(columns)
  new MutationObserver(fit).observe(columns, { childList: true })
}
