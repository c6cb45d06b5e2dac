/** Makes docs/board.svg: the console while it replays the recorded run in a pseudo-terminal, as an animation. */
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { spawn } from '@lydell/node-pty'
import xterm from '@xterm/headless'

const COMMAND = 'npm run ask -- "Why is the sky blue?"'
const COLUMNS = 92
const ROWS = 18
const CELL = { width: 8.4, height: 19 }
const PADDING = 16

/** Milliseconds between two looks at the screen, and how long its end stands. */
const PAUSE = 200
const LAST = 5_000

/** The terminal colours that the board uses, for a dark background. */
const COLOURS: Readonly<Record<number, string>> = { 1: '#ff7b72', 2: '#7ee787', 3: '#e3b341', 6: '#76e3ea' }
const PLAIN = '#e6edf3'

const root = fileURLToPath(new URL('../../', import.meta.url))
const screen = new xterm.Terminal({ cols: COLUMNS, rows: ROWS, allowProposedApi: true })

const { NO_COLOR: _, CI: __, ...env } = process.env
const console_ = spawn(process.execPath, ['src/console/ask.ts', '--replay', 'examples/runs/sky.jsonl'], {
  cwd: root,
  cols: COLUMNS,
  rows: ROWS,
  env: { ...(env as Record<string, string>), TERM: 'xterm-256color' },
})
console_.onData((data) => screen.write(data))
const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')

/** One row of the screen as text elements, one for each stretch of cells that look the same. */
function row(y: number): string {
  const { active } = screen.buffer
  const line = active.getLine(active.baseY + y)
  const runs: { x: number; text: string; look: string }[] = []
  for (let x = 0; x < COLUMNS; x++) {
    const cell = line?.getCell(x)
    if (!cell || cell.getWidth() === 0) continue
    const colour = cell.isFgDefault() ? PLAIN : (COLOURS[cell.getFgColor()] ?? PLAIN)
    const look = [
      colour === PLAIN ? '' : ` fill="${colour}"`,
      cell.isDim() ? ' opacity="0.6"' : '',
      cell.isBold() ? ' font-weight="bold"' : '',
      cell.isItalic() ? ' font-style="italic"' : '',
    ].join('')
    const last = runs.at(-1)
    if (last?.look === look) last.text += cell.getChars() || ' '
    else runs.push({ x, text: cell.getChars() || ' ', look })
  }
  return runs
    .filter(({ text }) => text.trim() !== '')
    .map(({ x, text, look }) => {
      const indent = text.length - text.trimStart().length
      const at = `x="${rounded(PADDING + (x + indent) * CELL.width)}" y="${rounded(PADDING + (y + 2.75) * CELL.height)}"`
      return `<text ${at}${look}>${escaped(text.trim())}</text>`
    })
    .join('')
}

const rounded = (value: number) => Math.round(value * 100) / 100

/** What a row shows, and from when to when, in milliseconds. */
type Stretch = { readonly text: string; readonly from: number; to: number }
const stretches: Stretch[] = []
const rows: (Stretch | undefined)[] = []

const begun = performance.now()
function look(): void {
  const now = performance.now() - begun
  for (let y = 0; y < ROWS; y++) {
    const text = row(y)
    const shown = rows[y]
    if (shown?.text === text) continue
    if (shown) shown.to = now
    const next = text === '' ? undefined : { text, from: now, to: Number.POSITIVE_INFINITY }
    rows[y] = next
    if (next) stretches.push(next)
  }
}
const timer = setInterval(look, PAUSE)
const exitCode = await new Promise<number>((resolve) => console_.onExit((exit) => resolve(exit.exitCode)))
clearInterval(timer)
if (exitCode !== 0) throw new Error(`The run ended with exit code ${exitCode}.`)
await new Promise<void>((resolve) => screen.write('', resolve))
look()

const end = performance.now() - begun + LAST
const percent = (ms: number) => `${rounded((ms / end) * 100)}%`

/** Rows that are there at the end are all that those see who don't want motion. */
const shown = stretches.map(({ text, from, to }, index) => {
  const off = Number.isFinite(to) ? `${percent(to)}{visibility:hidden}` : ''
  const rule = `@keyframes k${index}{0%{visibility:hidden}${percent(from)}{visibility:visible}${off}}#r${index}{animation-name:k${index}}`
  return { rule, group: `<g id="r${index}"${off === '' ? ' class="last"' : ''}>${text}</g>` }
})
const motion = `g{animation:${rounded(end / 1000)}s step-end infinite}${shown.map(({ rule }) => rule).join('')}`
const style = `g{visibility:hidden}.last{visibility:visible}@media (prefers-reduced-motion:no-preference){${motion}}`
const prompt = `<text x="${PADDING}" y="${PADDING + 0.75 * CELL.height}" fill="#8b949e">$ ${escaped(COMMAND)}</text>`
const width = COLUMNS * CELL.width + 2 * PADDING
const height = (ROWS + 2) * CELL.height + 2 * PADDING
await writeFile(
  new URL('docs/board.svg', `file://${root}`),
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14" fill="${PLAIN}" xml:space="preserve"><title>A run on the console</title><style>${style}</style><rect width="100%" height="100%" rx="8" fill="#0d1117"/>${prompt}${shown.map(({ group }) => group).join('\n')}</svg>\n`,
)
