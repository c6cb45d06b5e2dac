/** The page: a form for what the program is asked, the run that it starts, and what shows both. */
import { describePrograms, inputsOf, type ProgramDescription, type RunPhase } from '../client/index.ts'
import { Announcer } from './announcer.ts'
import { JumpLink } from './answer-in-view.ts'
import { AskForm, type Inputs } from './ask-form.ts'
import { CodePanel } from './code-panel.ts'
import { Conversation } from './conversation.ts'
import { byId } from './dom.ts'
import { EventsPanel } from './events-panel.ts'
import { flow } from './flow.ts'
import { KeyBox, wantsKey } from './key-box.ts'
import { keepRowsFull } from './lane-grid.ts'
import { switchTexts } from './markdown/text-switch.ts'
import { showModel } from './model-label.ts'
import { type Notice, noticeElement, noticeOfRun } from './notice.ts'
import { onReturn } from './on-return.ts'
import { ProgramPicker } from './program-picker.ts'
import { Reader } from './reader.ts'
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
const keyBox = new KeyBox()
const events = new EventsPanel()
const curl = new CodePanel('curl', 'Asks the same in a shell.')
const fetching = new CodePanel('fetch', "Asks the same in a browser's console or in Node.")
const pageEnd = new StickToEnd(document.documentElement, document, false)
const announcer = new Announcer(byId('announcements'))
const reader = new Reader()
const jumpLink = new JumpLink()

const picker = new ProgramPicker(choose)
const form = new AskForm({ ask, stop, onInput: showCode })
const conversation = new Conversation((input, turns) => form.setUntyped(input, turns))

/** The last run and its view. */
let shown: { readonly run: Run; readonly view: RunView; isOver: boolean } | undefined
/** The chosen program, as soon as it is known. */
let program: Promise<ProgramDescription>
/** The list of programs that was shown last, as JSON. */
let loaded: string | undefined
let isStarting = false
let isScheduled = false

switchThemes(byId<HTMLButtonElement>('theme'))
switchTexts(byId<HTMLButtonElement>('text-switch'))
showModel(byId('model'), url)
byId('developer').append(events.element, curl.element, fetching.element)
for (const example of document.querySelectorAll('.example')) {
  example.addEventListener('click', () => askElsewhere({ question: example.textContent ?? '' }))
}
byId('conversation').append(conversation.element)
keepRowsFull(elements.columns)
showCode()
load()
onReturn(loadWhatChanged)

/** Shows the programs before the first question. */
function load(): void {
  describe().catch((error) => {
    if (wantsKey(error)) askForKey(loadWithKey) // any other error shows when somebody asks
  })
}

/** The service may have been started again, with programs that are other ones by now. */
async function loadWhatChanged(): Promise<void> {
  const list = await describePrograms({ url, apiKey: keyBox.key }).catch(() => undefined)
  if (list && JSON.stringify(list) !== loaded) load()
}

function loadWithKey(): void {
  form.focus()
  load()
}

/** @param goOn repeats what was refused */
function askForKey(goOn: () => void): void {
  keyBox.ask(() => {
    showCode()
    goOn()
  })
}

function describe(): Promise<ProgramDescription> {
  program = describePrograms({ url, apiKey: keyBox.key }).then((list) => {
    loaded = JSON.stringify(list)
    picker.show(list)
    const description = picker.chosen as ProgramDescription // the default one is in every list
    showProgram(description)
    const { wanted } = picker
    if (wanted !== undefined && wanted !== description.name) {
      const message = `There is no program “${wanted}” here. This is ${description.name}.`
      showNotice({ kind: 'cut', message, mayAskAgain: false })
    }
    return description
  })
  return program
}

/** Turns to another program. What the last one has written goes. */
function choose(description: ProgramDescription): void {
  shown?.run.stop()
  shown = undefined
  jumpLink.show(undefined)
  program = Promise.resolve(description)
  form.show(false, undefined)
  form.refuse(undefined)
  events.show([])
  showNotice(undefined)
  welcome.hidden = false
  runSection.hidden = true
  showProgram(description)
}

/** What the page says of a program before it runs. */
function showProgram(description: ProgramDescription): void {
  form.setInputs(inputsOf(description))
  conversation.begin(description)
  byId('flow').replaceChildren(...flow(description))
  byId('about').hidden = description.description === undefined
  byId('about').textContent = description.description ?? ''
  byId('examples').hidden = !form.isQuestion
}

async function ask(inputs: Inputs): Promise<void> {
  if (isStarting || shown?.isOver === false) return
  isStarting = true
  form.fill(inputs)
  form.refuse(undefined)
  showNotice(undefined)
  try {
    start(inputs, await program.catch(describe))
  } catch (error) {
    if (wantsKey(error)) askForKey(() => askElsewhere(inputs))
    else showNotice(noticeOfRun('failed', error as Error), inputs)
  } finally {
    isStarting = false
  }
}

/** Asks from a button that disappears when it is pressed, so keyboard focus moves to Stop. */
function askElsewhere(inputs: Inputs): void {
  form.focusButton()
  ask(inputs)
}

function start(inputs: Inputs, description: ProgramDescription): void {
  const run = new Run(description, { program: nameToAsk(description), inputs })
  announcer.begin()
  const askAgain = () => askElsewhere(inputs)
  const view = new RunView(elements, description, { announcer, reader, jumpLink, askAgain })
  shown = { run, view, isOver: false }
  welcome.hidden = true
  runSection.hidden = false
  run.ask(url, keyBox.key, schedule)
  schedule()
  reader.begin()
  requestAnimationFrame(() => form.showButton()) // once the lanes are there
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
  form.show(run.state.phase === 'running', run.asked.inputs)
  if (run.state.phase === 'running')
    schedule() // its clocks keep running
  else if (!shown.isOver) {
    shown.isOver = true
    end(run, run.state.phase)
  }
  view.keepUp()
  events.keepUp()
  if (reader.hasMoved) pageEnd.keepUp()
}

/** Shows how a run ended. One that was refused leaves nothing but the refusal. */
function end(run: Run, phase: Exclude<RunPhase, 'running'>): void {
  if (wantsKey(run.refusal)) askForKey(() => askElsewhere(run.asked.inputs))
  else form.refuse(run.refusal, run.asked.inputs)
  welcome.hidden = !run.refusal
  runSection.hidden = !welcome.hidden
  const { prediction } = run.state
  if (prediction) conversation.goOn({ inputs: run.asked.inputs, prediction })
  if (!run.refusal) showNotice(noticeOfRun(phase, run.error, run.state), run.asked.inputs)
}

/** @param asked what its button asks again */
function showNotice(notice: Notice | undefined, asked: Inputs = {}): void {
  const askAgain = () => askElsewhere(asked)
  byId('notice').replaceChildren(...(notice ? [noticeElement(notice, askAgain)] : []))
}

function showCode(): void {
  const chosen = picker.chosen
  const asked = {
    url,
    program: chosen && nameToAsk(chosen),
    inputs: form.inputsOrExamples,
    include: INCLUDE,
    hasKey: keyBox.key !== undefined,
  }
  curl.show(curlCode(asked))
  fetching.show(fetchCode(asked))
}

/** The default program is asked without its name, as by anybody who knows no other. */
function nameToAsk(description: ProgramDescription): string | undefined {
  return picker.isDefault(description) ? undefined : description.name
}
