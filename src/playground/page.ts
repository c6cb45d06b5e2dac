/** The page: a question box, the run that it starts, and what shows both. */
import { describeProgram, type ProgramDescription, type RunPhase } from '../client/index.ts'
import { Announcer } from './announcer.ts'
import { CodePanel } from './code-panel.ts'
import { byId } from './dom.ts'
import { EventsPanel } from './events-panel.ts'
import { flow } from './flow.ts'
import { KeyBox, wantsKey } from './key-box.ts'
import { showModel } from './model-label.ts'
import { type Notice, noticeElement, noticeOfRun } from './notice.ts'
import { onReturn } from './on-return.ts'
import { QuestionBox } from './question-box.ts'
import { INCLUDE, Run } from './run.ts'
import { RunView } from './run-view.ts'
import { curlCode, fetchCode } from './snippets.ts'
import { StickToEnd } from './stick-to-end.ts'
import { switchThemes } from './theme.ts'

/** Where the service is: next to the page, even when a proxy puts both under a path. */
const url = new URL('.', location.href)

const welcome = byId('welcome')
const runSection = byId('run')
const elements = { timeline: byId('timeline'), columns: byId('columns'), answers: byId('answers') }
const box = new QuestionBox({ ask, stop, onInput: showCode })
const keyBox = new KeyBox()
const events = new EventsPanel()
const curl = new CodePanel('curl', 'Asks the same in a shell.')
const fetching = new CodePanel('fetch', "Asks the same in a browser's console or in Node.")
const pageEnd = new StickToEnd(document.documentElement, document, false)

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
onReturn(() => program.then(load, (error) => wantsKey(error) || load())) // it may have another program by now

/** Shows the program before the first question. */
function load(): void {
  describe().catch((error) => {
    if (wantsKey(error)) askForKey(loadWithKey) // any other error shows when somebody asks
  })
}

function loadWithKey(): void {
  box.focus()
  load()
}

/** @param goOn repeats what was refused */
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
  showNotice(undefined)
  showCode()
  try {
    start(question, await program.catch(describe))
  } catch (error) {
    if (wantsKey(error)) askForKey(() => askElsewhere(question))
    else showNotice(noticeOfRun('failed', error as Error))
  } finally {
    isStarting = false
  }
}

/** Asks from a button that disappears when it is pressed, so keyboard focus moves to Stop. */
function askElsewhere(question: string): void {
  box.focusButton()
  ask(question)
}

function start(question: string, description: ProgramDescription): void {
  const run = new Run(description, question)
  const view = new RunView(elements, description, new Announcer(byId('announcements')), () =>
    askElsewhere(question),
  )
  shown = { run, view, isOver: false }
  welcome.hidden = true
  runSection.hidden = false
  scrollTo({ top: 0 })
  run.ask(url, keyBox.key, schedule)
  schedule()
}

function stop(): void {
  shown?.run.stop()
  schedule()
}

/** However many frames come, the page is updated once per animation frame. */
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
    schedule() // its clocks keep running
  else if (!shown.isOver) {
    shown.isOver = true
    end(run, run.state.phase)
  }
  view.keepUp()
  events.keepUp()
  pageEnd.keepUp()
}

/** Shows how a run ended. One that was refused leaves nothing but the refusal. */
function end(run: Run, phase: Exclude<RunPhase, 'running'>): void {
  if (wantsKey(run.refusal)) askForKey(() => askElsewhere(run.question))
  else box.refuse(run.refusal)
  welcome.hidden = !run.refusal
  runSection.hidden = !welcome.hidden
  if (!run.refusal) showNotice(noticeOfRun(phase, run.error, run.state))
}

function showNotice(notice: Notice | undefined): void {
  byId('notice').replaceChildren(...(notice ? [noticeElement(notice, () => askElsewhere(box.question))] : []))
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
