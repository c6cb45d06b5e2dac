/** Files of programs, in a folder outside of the repository with nothing beside it. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'

/** A program of one call, whose answer comes from the predictor `name`. */
export const programText = (name: string): string => `
  import { predict, program } from 'tributary'
  export default program({ ${name}: predict('question -> answer') }, ({ ${name} }, inputs) => ${name}(inputs))`

/**
 * @param files their texts by their paths in the folder
 * @returns the folder, which is removed when the test ends
 */
export function folderOf(t: TestContext, files: Readonly<Record<string, string>>): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'tributary-programs-')))
  t.after(() => rmSync(folder, { recursive: true }))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  return folder
}
