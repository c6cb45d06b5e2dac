/** Makes docs/board.svg: the console's board at the end of a real run in a pseudo-terminal. */
import { mkdir, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { spawn } from '@lydell/node-pty'
import xterm from '@xterm/headless'

const QUESTION = 'Why is the sky blue?'
const COLUMNS = 100
const CELL = { width: 8.4, height: 19 }
const PADDING = 16

/** The terminal colours that the board uses, for a dark background. */
const COLOURS: Readonly<Record<number, string>> = { 1: '#ff7b72', 2: '#7ee787', 3: '#e3b341', 6: '#76e3ea' }

const root = fileURLToPath(new URL('../', import.meta.url))
const screen = new xterm.Terminal({ cols: COLUMNS, rows: 40, allowProposedApi: true })

const { NO_COLOR: _, CI: __, ...env } = process.env
const console_ = spawn(process.execPath, ['src/console/ask.ts', QUESTION], {
  cwd: root,
  cols: COLUMNS,
  rows: 40,
  env: { ...(env as Record<string, string>), TERM: 'xterm-256color' },
})
console_.onData((data) => screen.write(data))
const exitCode = await new Promise<number>((resolve) => console_.onExit((exit) => resolve(exit.exitCode)))
if (exitCode !== 0) throw new Error(`The run ended with exit code ${exitCode}.`)
await new Promise<void>((resolve) => screen.write('', resolve))

const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

/** One row of the screen as text elements, one for each stretch of cells that look the same. */
function row(y: number): string {
  const line = screen.buffer.active.getLine(y)
  const runs: { x: number; text: string; colour: string; dim: boolean }[] = []
  for (let x = 0; x < COLUMNS; x++) {
    const cell = line?.getCell(x)
    if (!cell || cell.getWidth() === 0) continue
    const colour = cell.isFgDefault() ? '#e6edf3' : (COLOURS[cell.getFgColor()] ?? '#e6edf3')
    const dim = cell.isDim() !== 0
    const last = runs.at(-1)
    if (last?.colour === colour && last.dim === dim) last.text += cell.getChars() || ' '
    else runs.push({ x, text: cell.getChars() || ' ', colour, dim })
  }
  return runs
    .filter(({ text }) => text.trim() !== '')
    .map(({ x, text, colour, dim }) => {
      const indent = text.length - text.trimStart().length
      const at = `x="${PADDING + (x + indent) * CELL.width}" y="${PADDING + (y + 2.75) * CELL.height}"`
      return `<text ${at} fill="${colour}"${dim ? ' opacity="0.6"' : ''}>${escaped(text.trim())}</text>`
    })
    .join('')
}

const shown = Array.from({ length: screen.buffer.active.length }, (_, y) => y).filter(
  (y) => screen.buffer.active.getLine(y)?.translateToString(true) !== '' || y < screen.buffer.active.cursorY,
)
const rows = [...shown.map(row)]
const prompt = `<text x="${PADDING}" y="${PADDING + 0.75 * CELL.height}" fill="#8b949e">$ npm run --silent ask -- "${QUESTION}"</text>`
const width = COLUMNS * CELL.width + 2 * PADDING
const height = (rows.length + 2) * CELL.height + 2 * PADDING
await mkdir(new URL('docs/', `file://${root}`), { recursive: true })
await writeFile(
  new URL('docs/board.svg', `file://${root}`),
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14"><title>The board of a run on the console</title><rect width="100%" height="100%" rx="8" fill="#0d1117"/>${prompt}${rows.join('\n')}</svg>\n`,
)
