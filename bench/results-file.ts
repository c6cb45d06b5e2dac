/** RESULTS.md: each benchmark writes a part of its own, and leaves the others as they are. */
import { readFileSync, writeFileSync } from 'node:fs'

const FILE = new URL('RESULTS.md', import.meta.url)

/** @param part its first line is its heading, of the first level, by which it is found */
export function writePart(part: string): void {
  const heading = part.split('\n', 1)[0] as string
  const parts = readFileSync(FILE, 'utf8')
    .split(/^(?=# )/m)
    .filter((one) => one.trim() !== '')
  const at = parts.findIndex((one) => one.startsWith(`${heading}\n`))
  parts.splice(at === -1 ? parts.length : at, 1, part)
  writeFileSync(FILE, `${parts.map((one) => one.trim()).join('\n\n')}\n`)
}
