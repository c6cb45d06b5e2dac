/** The files for browsers. `npm run build` makes them; this process bundles nothing. */
import { readFile } from 'node:fs/promises'

const FOLDER = new URL('../../dist/browser/', import.meta.url)

/** @throws Error whose message is fit for whoever started the process */
export async function browserFile(name: string): Promise<string> {
  return await readFile(new URL(name, FOLDER), 'utf8').catch((cause) => {
    throw new Error(`The browser file ${name} isn't built. Run \`npm run build\`.`, { cause })
  })
}
