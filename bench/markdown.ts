/** A table in Markdown: numbers to the right, what they are of to the left. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (columns: readonly string[]) => `| ${columns.join(' | ')} |`
  return [line(heads), line(heads.map((_, nth) => (nth === 0 ? '---' : '---:'))), ...rows.map(line)].join(
    '\n',
  )
}
