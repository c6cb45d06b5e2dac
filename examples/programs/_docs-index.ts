/** A small full-text index of a folder of Markdown files, paragraph by paragraph. The underscore says that it is no program. */
import { readdir, readFile } from 'node:fs/promises'
import MiniSearch from 'minisearch'

/** A paragraph, and where it stands: file and heading. */
export type Passage = { readonly source: string; readonly text: string }

export type Index = {
  /** @returns the passages that fit the words best, the best first */
  search(words: string): Passage[]
}

/** Paragraphs with fewer characters say little by themselves. */
const LEAST = 40

/** Characters of a passage: small models have room for a few. */
const MOST = 300

/** @param folder of Markdown files; the folders in it are not read */
export async function openIndex(folder: URL): Promise<Index> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.md'))
  const files = names.map(async (name) => passagesOf(name, await readFile(new URL(name, folder), 'utf8')))
  const passages = (await Promise.all(files)).flat()
  const index = new MiniSearch<Passage & { id: number }>({ fields: ['source', 'text'] })
  index.addAll(passages.map((passage, id) => ({ ...passage, id })))
  return {
    search: (words) =>
      index.search(words, { prefix: true, fuzzy: 0.1 }).flatMap(({ id }) => passages[id] ?? []),
  }
}

function passagesOf(file: string, markdown: string): Passage[] {
  let heading = ''
  return markdown.split(/\n{2,}/).flatMap((paragraph) => {
    if (paragraph.startsWith('#')) heading = paragraph.replace(/^#+\s*/, '')
    if (/^(#|\||```)/.test(paragraph) || paragraph.length < LEAST) return [] // headings, tables, code
    return [{ source: `${file}, ${heading}`, text: paragraph.replaceAll('\n', ' ').slice(0, MOST) }]
  })
}
