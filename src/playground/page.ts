/** The page: a question box, the run that it starts, and what shows both. */
import { describeProgram, type ProgramDescription, type RunPhase } from '../client/index.ts'
import { Announcer } from './announcer.ts'
import { CodePanel } from './code-panel.ts'
import { byId } from './dom.ts'
import { EventsPanel } from './events-panel.ts'
import { flow } from './flow.ts'
import { Follow } from './follow.ts'
import { KeyBox, wantsKey } from './key-box.ts'
import { showModel } from './model-label.ts'
import { QuestionBox } from './question-box.ts'
import { INCLUDE, Run } from './run.ts'
import { RunView } from './run-view.ts'
import { curlCode, fetchCode } from './snippets.ts'
import { switchThemes } from './theme.ts'
import { type Trouble, troubleNote, troubleOfRun } from './trouble.ts'

/** Where the service is: beside the page, also behind a proxy that puts both under a path. */
const url = new URL('.', location.href)

const welcome = byId('welcome')
const runPlace = byId('run')
const places = { timeline: byId('timeline'), columns: byId('columns'), answers: byId('answers') }
const box = new QuestionBox({ ask, stop, onInput: showCode })
const keyBox = new KeyBox()
const events = new EventsPanel()
const curl = new CodePanel('curl', 'Asks the same in a shell.')
const fetching = new CodePanel('fetch', "Asks the same in a browser's console or in Node.")
const page = new Follow(document.documentElement, document, false)

/** The last run and its view. */
let shown: { readonly run: Run; readonly view: RunView; isOver: boolean } | undefined
let program: Promise<ProgramDescription>
let isStarting = false
let isScheduled = false

switchThemes(byId<HTMLButtonElement>('theme'))
showModel(byId('model'), url)
byId('developer').append(events.element, curl.element, fetching.element)
for (const example of document.querySelectorAll('.example')) {
  example.addEventListener('click', () => askElsewhere(example.textContent ?? ''))
}
showCode()
load()

/** Shows the program before the first question. */
function load(): void {
  describe().catch((error) => {
    if (wantsKey(error)) askForKey(loadWithKey) // of all else, whoever asks a question is told
  })
}

function loadWithKey(): void {
  box.focus()
  load()
}

/** @param goOn does again what was refused */
function askForKey(goOn: () => void): void {
  keyBox.ask(() => {
    showCode()
    goOn()
  })
}

async function describe(): Promise<ProgramDescription> {
  program = describeProgram({ url, apiKey: keyBox.key })
  const description = await program
  byId('flow').replaceChildren(...flow(description))
  return description
}

async function ask(question: string): Promise<void> {
  if (isStarting || shown?.isOver === false) return
  isStarting = true
  box.question = question
  box.refuse(undefined)
  note(undefined)
  showCode()
  try {
    start(question, await program.catch(describe))
  } catch (error) {
    if (wantsKey(error)) askForKey(() => askElsewhere(question))
    else note(troubleOfRun('failed', error as Error))
  } finally {
    isStarting = false
  }
}

/** Asks from a button that goes away with the asking: whoever is at the keyboard finds themselves at Stop. */
function askElsewhere(question: string): void {
  box.focusButton()
  ask(question)
}

function start(question: string, description: ProgramDescription): void {
  const run = new Run(description, question)
  const view = new RunView(places, description, new Announcer(byId('announcements')), () =>
    askElsewhere(question),
  )
  shown = { run, view, isOver: false }
  welcome.hidden = true
  runPlace.hidden = false
  scrollTo({ top: 0 })
  run.follow(url, keyBox.key, schedule)
  schedule()
}

function stop(): void {
  shown?.run.stop()
  schedule()
}

/** However many frames come, the page is brought up to date once an animation frame. */
function schedule(): void {
  if (isScheduled) return
  isScheduled = true
  requestAnimationFrame(() => {
    isScheduled = false
    render()
  })
}

function render(): void {
  if (!shown) return
  const { run, view } = shown
  view.show(run.state, performance.now())
  events.show(run.events)
  box.show(run.state.phase === 'running', run.question)
  if (run.state.phase === 'running')
    schedule() // its clocks go on
  else if (!shown.isOver) {
    shown.isOver = true
    end(run, run.state.phase)
  }
  view.keepUp()
  events.keepUp()
  page.keep()
}

/** What a run that is over leaves on the page. One that was refused has never been. */
function end(run: Run, phase: Exclude<RunPhase, 'running'>): void {
  if (wantsKey(run.refusal)) askForKey(() => askElsewhere(run.question))
  else box.refuse(run.refusal)
  welcome.hidden = !run.refusal
  runPlace.hidden = !welcome.hidden
  if (!run.refusal) note(troubleOfRun(phase, run.failure, run.state))
}

function note(trouble: Trouble | undefined): void {
  byId('notice').replaceChildren(...(trouble ? [troubleNote(trouble, () => askElsewhere(box.question))] : []))
}

function showCode(): void {
  const asked = {
    url,
    question: box.question || 'Why stream parallel branches?',
    include: INCLUDE,
    hasKey: keyBox.key !== undefined,
  }
  curl.show(curlCode(asked))
  fetching.show(fetchCode(asked))
}
