/** The runs that this browser keeps, in a panel at the side: to find one, show it, show it beside another, delete it. */
import { dateInWords, dayInWords } from '../asked-words.ts'
import { button, byId, el, setText } from '../dom.ts'
import { fileButton } from '../files/file-button.ts'
import { MOST_RUNS, type RunEntry, type RunStore } from './run-store.ts'

export type HistoryOptions = {
  readonly store: RunStore
  readonly show: (id: string) => void
  readonly showBeside: (id: string) => void
  readonly open: (file: File) => void
  /** Asks how a run stands that wasn't over when it was kept. */
  readonly standingNow: (id: string) => Promise<string>
  /** Called with the ids of runs that are deleted. */
  readonly onDelete: (ids: readonly string[]) => void
}

/** What is said of a run that didn't end well, or hasn't ended. */
const ENDS: Readonly<Record<string, string>> = {
  running: 'still running',
  failed: 'failed',
  stopped: 'stopped',
  incomplete: 'cut',
  cut: 'cut',
}

export class HistoryPanel {
  readonly #options: HistoryOptions
  readonly #opener = byId<HTMLButtonElement>('history')
  readonly #dialog = el('dialog', 'history')
  readonly #search = el('input')
  readonly #list = el('div', 'found')
  readonly #note = el('p', 'note')
  readonly #deleteAll: HTMLButtonElement
  #entries: readonly RunEntry[] = []
  /** Whether deleting all has been asked for once: the second press does it. */
  #isSure = false

  constructor(options: HistoryOptions) {
    this.#options = options
    this.#opener.addEventListener('click', () => this.open())
    this.#search.type = 'search'
    this.#search.placeholder = 'Search'
    this.#search.ariaLabel = 'Search the runs'
    this.#search.addEventListener('input', () => this.#showList())
    this.#deleteAll = button('quiet danger', '', () => this.#onDeleteAll())
    const close = button('quiet', 'Close', () => this.#dialog.close())
    const openFile = fileButton('Open a file…', '.jsonl,.ndjson,application/jsonl', (file) => {
      this.#dialog.close()
      options.open(file)
    })
    const title = el('h2', '', 'History')
    title.id = 'history-title'
    this.#dialog.setAttribute('aria-labelledby', title.id)
    this.#note.role = 'status'
    this.#dialog.append(
      el('header', 'head', title, openFile, close),
      el('div', 'box', this.#search),
      this.#list,
      el('footer', 'head', this.#note, this.#deleteAll),
    )
    // A press on the backdrop is one on the dialog itself, outside of its box.
    this.#dialog.addEventListener('pointerdown', (event) => {
      if (event.target !== this.#dialog) return
      const { left, right } = this.#dialog.getBoundingClientRect()
      if (event.clientX < left || event.clientX > right) this.#dialog.close()
    })
    byId('overlays').append(this.#dialog)
  }

  async open(): Promise<void> {
    this.#search.value = ''
    this.#isSure = false
    this.#dialog.showModal()
    await this.#load()
  }

  /** @param onShown called once the list is there, before the service is asked about it */
  async #load(onShown = () => {}): Promise<void> {
    try {
      this.#entries = await this.#options.store.entries()
      this.#showList()
    } catch {
      this.#entries = []
      this.#list.replaceChildren(el('p', 'nothing', 'This browser keeps nothing for this page.'))
      this.#deleteAll.hidden = true
    }
    onShown()
    await this.#askAboutRunning()
  }

  /** Whoever kept them may not have been there when they ended. */
  async #askAboutRunning(): Promise<void> {
    const running = this.#entries.filter(({ standing }) => standing === 'running')
    const now = await Promise.all(
      running.map(async ({ id }) => [id, await this.#options.standingNow(id)] as const),
    )
    const standings = new Map(now)
    if (now.every(([, standing]) => standing === 'running')) return
    this.#entries = this.#entries.map((entry) => ({
      ...entry,
      standing: standings.get(entry.id) ?? entry.standing,
    }))
    const index = this.#allButtons.indexOf(document.activeElement as HTMLButtonElement)
    this.#showList() // the same runs, in the same order
    this.#allButtons[index]?.focus()
  }

  #showList(): void {
    const words = this.#search.value.toLowerCase().split(/\s+/)
    const found = this.#entries.filter(({ title, text, program }) => {
      const all = `${title}\n${text}\n${program.name}`.toLowerCase()
      return words.every((word) => all.includes(word))
    })
    const groups = new Map<string, HTMLElement>()
    for (const entry of found) {
      const day = dayInWords(new Date(entry.askedAt))
      const group = groups.get(day) ?? el('ul')
      groups.set(day, group)
      group.append(this.#item(entry))
    }
    this.#list.replaceChildren(
      ...[...groups].flatMap(([day, group]) => [el('h3', '', day), group]),
      ...(found.length > 0
        ? []
        : [
            el(
              'p',
              'nothing',
              this.#entries.length === 0 ? 'Runs appear here as you ask.' : 'No run has these words.',
            ),
          ]),
    )
    const count = this.#entries.length
    setText(
      this.#note,
      found.length < count
        ? `${found.length} of ${count} runs`
        : `This browser keeps the last ${MOST_RUNS} runs.`,
    )
    this.#deleteAll.hidden = count === 0
    setText(
      this.#deleteAll,
      this.#isSure ? `Really delete ${count === 1 ? 'it' : `all ${count}`}?` : 'Delete all',
    )
  }

  #item(entry: RunEntry): HTMLElement {
    const { id, title, askedAt, program, standing } = entry
    const { show, showBeside } = this.#options
    const choose = (then: (id: string) => void) => () => {
      this.#dialog.close()
      then(id)
    }
    const time = dateInWords(askedAt, new Date(askedAt))
    const end = ENDS[standing]
    const about = el('span', 'about', [time, program.name].join(' · '))
    if (end) about.append(' · ', el('span', 'end', end))
    const main = button('entry', '', choose(show))
    main.append(el('span', 'title', title), about)
    const beside = button('quiet', 'Beside', choose(showBeside))
    beside.ariaLabel = `Show beside: ${title.slice(0, 80)}`
    const remove = button('quiet danger', 'Delete', () => this.#delete(id))
    remove.ariaLabel = `Delete: ${title.slice(0, 80)}`
    return el('li', '', main, el('span', 'acts', beside, remove))
  }

  async #delete(id: string): Promise<void> {
    const index = this.#buttons.indexOf(document.activeElement as HTMLElement)
    await this.#options.store.delete(id).catch(() => {})
    this.#options.onDelete([id])
    await this.#load(() => {
      // The next one's button, since this one's is gone.
      const next = this.#buttons[index] ?? this.#buttons.at(-1) ?? this.#search
      next.focus()
    })
  }

  get #allButtons(): HTMLButtonElement[] {
    return [...this.#list.querySelectorAll('button')]
  }

  /** Those that delete. */
  get #buttons(): HTMLElement[] {
    return [...this.#list.querySelectorAll<HTMLElement>('.danger')]
  }

  async #onDeleteAll(): Promise<void> {
    if (!this.#isSure) {
      this.#isSure = true
      this.#showList()
      return
    }
    this.#isSure = false
    await this.#options.store.clear().catch(() => {})
    this.#options.onDelete(this.#entries.map(({ id }) => id))
    await this.#load(() => this.#search.focus())
  }
}
