/** What a run was asked, above it, and what can be done with the run. */
import { askedInWords, dateInWords } from './asked-words.ts'
import { copyButton } from './copy-button.ts'
import { button, el } from './dom.ts'
import { download, nameFor } from './files/download.ts'
import { framesFile } from './files/frames-file.ts'
import { jsonFile, markdownFile } from './files/run-files.ts'
import { menu } from './menu.ts'
import type { ShownRun } from './shown-run.ts'

export type RunActions = {
  readonly askBeside: () => void
  readonly play: () => void
  readonly close: () => void
  /** The address of the run for others. */
  readonly link: () => string
}

/** Characters from which on a question may be too long for its place, on the narrowest of screens. */
const SCROLLS = 100

export class AskedView {
  readonly element: HTMLElement
  readonly #beside: HTMLButtonElement
  readonly #play: HTMLButtonElement
  readonly #skip: HTMLButtonElement
  readonly #isPlayed: boolean
  readonly #close: HTMLButtonElement
  readonly #link: HTMLButtonElement
  readonly #run: ShownRun

  constructor(run: ShownRun, { askBeside, play, close, link }: RunActions) {
    const { record } = run
    this.#run = run
    const { title, others, turns } = askedInWords(record)
    const heading = el('h2', 'question', title)
    if (title.length > SCROLLS) heading.tabIndex = 0 // what scrolls must be reachable by keyboard
    const about = [record.program.name, dateInWords(record.askedAt)]
    if (record.isOthers) about.push('asked in another browser')
    if (turns > 0)
      about.push(`follows up on ${turns === 1 ? 'an earlier answer' : `${turns} earlier answers`}`)
    this.#beside = button('quiet', 'Repeat beside', askBeside)
    this.#play = button('quiet', 'Play', play)
    this.#play.title = 'Shows it again at the speed at which it came'
    this.#skip = button('quiet', 'Skip to the end', () => run.stop())
    this.#isPlayed = run.isPlayed
    this.#close = button('quiet', 'Close', close)
    this.#link = copyButton('link', link, 'Copy link')
    this.#link.title = 'Whoever has it can read this run, and stop it, for as long as the service keeps it'
    const name = nameFor(title)
    const save = menu('Save as…', [
      { label: 'Markdown', choose: () => download(`${name}.md`, 'text/markdown', markdownFile(run)) },
      { label: 'JSON', choose: () => download(`${name}.json`, 'application/json', jsonFile(run)) },
      { label: 'Frames', choose: () => download(`${name}.jsonl`, 'application/jsonl', framesFile(record)) },
    ])
    const list = el('dl', 'inputs')
    for (const [label, value] of others) list.append(el('div', '', el('dt', '', label), el('dd', '', value)))
    this.element = el(
      'header',
      'asked',
      el('div', 'what', heading, ...(others.length > 0 ? [list] : []), el('p', 'about', about.join(' · '))),
      el('div', 'run-tools', this.#beside, this.#play, this.#skip, this.#link, save, this.#close),
    )
    this.show(false, false)
  }

  /** Moves the focus to what can be done with the run. */
  focus(): void {
    const buttons = [this.#skip, this.#play]
    buttons.find(({ hidden }) => !hidden)?.focus()
  }

  /** @param hasNeighbour whether another run stands beside it */
  show(isOver: boolean, hasNeighbour: boolean): void {
    const hadFocus = document.activeElement === this.#skip
    this.#play.hidden = !isOver
    this.#skip.hidden = isOver || !this.#isPlayed
    if (hadFocus && isOver) this.#play.focus()
    this.#link.hidden = !this.#run.record.isKept
    this.#beside.hidden = !isOver || hasNeighbour
    this.#close.hidden = !hasNeighbour
  }
}
