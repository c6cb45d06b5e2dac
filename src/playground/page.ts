/** The page: a form for what the program is asked, the runs that it starts, and what shows both. */
import {
  describePrograms,
  inputsOf,
  type ProgramDescription,
  RefusedError,
  readRun,
} from '../client/index.ts'
import { Announcer } from './announcer.ts'
import { JumpLink } from './answer-in-view.ts'
import { AskForm, type Inputs } from './ask-form.ts'
import { askedInWords } from './asked-words.ts'
import { CodePanel } from './code-panel.ts'
import { Conversation } from './conversation.ts'
import { byId, setText } from './dom.ts'
import { EventsPanel } from './events-panel.ts'
import { takeDroppedFiles } from './files/file-drop.ts'
import { NotARunError, readFramesFile } from './files/frames-file.ts'
import { flow } from './flow.ts'
import { HistoryPanel } from './history/history-panel.ts'
import { keepRun } from './history/recorder.ts'
import { RunStore } from './history/run-store.ts'
import { KeyBox, wantsKey } from './key-box.ts'
import { forgetLinkedQuestion, linkedQuestion } from './linked-question.ts'
import { recordOf } from './linked-run.ts'
import { switchTexts } from './markdown/text-switch.ts'
import { showModel } from './model-label.ts'
import { type Notice, noticeElement, noticeOfEnd, noticeOfSilence } from './notice.ts'
import { onReturn } from './on-return.ts'
import { ProgramPicker } from './program-picker.ts'
import { Reader } from './reader.ts'
import { RecordedRun } from './recorded-run.ts'
import { INCLUDE, Run } from './run.ts'
import { linkedRun, linkTo, nameInAddress, rememberShown, shownRuns } from './run-identity.ts'
import { mayGoOn, type RunRecord } from './run-record.ts'
import { RunView } from './run-view.ts'
import type { ShownRun } from './shown-run.ts'
import { curlCode, fetchCode } from './snippets.ts'
import { Stage } from './stage.ts'
import { StickToEnd } from './stick-to-end.ts'
import { showTitle } from './tab-title.ts'
import { switchThemes } from './theme.ts'

/** Where the service is: next to the page, even when a proxy puts both under a path. */
const url = new URL('.', location.href)

/** The largest file that is opened, in bytes. */
const LARGEST_FILE = 64_000_000

const welcome = byId('welcome')
const keyBox = new KeyBox()
const events = new EventsPanel()
const curl = new CodePanel('curl', 'Asks the same in a shell.')
const fetching = new CodePanel('fetch', "Asks the same in a browser's console or in Node.")
const pageEnd = new StickToEnd(document.documentElement, document, false)
const announcer = new Announcer(byId('announcements'))
const reader = new Reader()
const jumpLink = new JumpLink()
const stage = new Stage()
const store = new RunStore(`tributary ${url.pathname}`)

const picker = new ProgramPicker(choose)
const form = new AskForm({ ask, stop, onInput: showCode, lastAsked: () => lastAsked ?? recalled })
const conversation = new Conversation((input, turns) => form.setUntyped(input, turns))

/** The run that was asked or found last and goes on, and its view. It stands on the stage as soon as it has begun, or nothing else stands there. */
let current: { readonly run: Run; readonly view: RunView; readonly where: 'alone' | 'beside' } | undefined
/** What the run that came last was asked, once one has been. */
let lastAsked: Inputs | undefined
/** What was asked last before this page was opened. */
let recalled: Inputs | undefined
/** The chosen program, as soon as it is known. */
let program: Promise<ProgramDescription>
/** The list of programs that was shown last, as JSON. */
let loaded: string | undefined
/** The run that the address leads to, while it is looked up. */
let sought: string | undefined
/** Ids of runs that were deleted while they are shown: a reload is not to bring them back. */
const deleted = new Set<string>()
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
new HistoryPanel({
  store,
  show: (id) => showKept(id, 'alone'),
  showBeside: (id) => showKept(id, 'beside'),
  open: openFile,
  standingNow,
  onDelete: (ids) => {
    for (const id of ids) deleted.add(id)
    rememberStage()
  },
})
takeDroppedFiles(openFile)
showCode()
form.suggest(linkedQuestion() ?? '')
form.focus()
load()
recallLast()
onReturn(loadWhatChanged)

/** Shows the programs before the first question, and the runs that this tab showed before it was reloaded. */
async function load(): Promise<void> {
  try {
    await describe()
  } catch (error) {
    if (wantsKey(error)) return askForKey(loadWithKey)
    // Any other error shows when somebody asks. Runs that are kept here need no service.
  }
  if (stage.isEmpty && !current) await showAgain()
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
    form.suggest(linkedQuestion() ?? '') // the program may have brought the field for it
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
  sought = linkedRun()
  for (const run of runsThatGoOn()) run.stop()
  current = undefined
  lastAsked = undefined
  stage.clear()
  rememberStage()
  jumpLink.show(undefined)
  showTitle()
  program = Promise.resolve(description)
  form.show(false, undefined)
  form.refuse(undefined)
  events.show([])
  showNotice(undefined)
  showPending(undefined)
  welcome.hidden = false
  showProgram(description)
  if (sought !== undefined) showLinked(sought) // somebody went back to it
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

async function ask(inputs: Inputs, where: 'alone' | 'beside' = 'alone'): Promise<void> {
  if (isStarting || current || runsThatGoOn().length > 0) return
  isStarting = true
  form.fill(inputs)
  form.refuse(undefined)
  showNotice(undefined)
  try {
    start(inputs, await program.catch(describe), where)
  } catch (error) {
    if (wantsKey(error)) askForKey(() => askElsewhere(inputs))
    else showNotice(noticeOfSilence(error as Error), inputs)
  } finally {
    isStarting = false
  }
}

/** Asks from a button that disappears when it is pressed, so keyboard focus moves to Stop. */
function askElsewhere(inputs: Inputs, where?: 'beside'): void {
  form.focusButton()
  ask(inputs, where)
}

function start(inputs: Inputs, description: ProgramDescription, where: 'alone' | 'beside'): void {
  const run = new Run({ program: description, asked: { program: nameToAsk(description), inputs } })
  announcer.begin()
  forgetLinkedQuestion()
  const view = viewOf(run, true)
  current = { run, view, where }
  lastAsked = inputs
  // What is there stays until the new run has something to show.
  if (stage.isEmpty) showCurrent()
  else showPending(askedInWords(run.record).title)
  run.ask(service(), schedule)
  keepRun(store, run).catch(() => {}) // a browser that keeps nothing shows runs all the same
  schedule()
  reader.begin()
  requestAnimationFrame(() => form.showButton()) // once the lanes are there
}

function viewOf(run: ShownRun, isWatched: boolean): RunView {
  const { inputs } = run.record.asked
  const view: RunView = new RunView(run, {
    announcer,
    reader,
    jumpLink,
    isWatched,
    askAgain: () => turnToProgramOf(run.record) && askElsewhere(inputs),
    tryAgain: () => tryAgain(view),
    actions: {
      askBeside: () => turnToProgramOf(run.record) && askElsewhere(inputs, 'beside'),
      play: () => play(view),
      close: () => {
        run.stop()
        stage.close(view)
        rememberStage()
        form.focus()
        schedule()
      },
      link: () => linkTo(run.record.id, url),
    },
  })
  return view
}

/** Brings the run that goes on to where it is seen. */
function showCurrent(): void {
  if (!current || stage.views.includes(current.view)) return
  const { view, where } = current
  view.show()
  stage.show(view, where)
  rememberStage()
  showPending(undefined)
}

function showPending(title: string | undefined): void {
  byId('pending').hidden = title === undefined
  setText(byId('pending-question'), title ?? '')
}

/** Stops what goes on, or shows the end of what is played. */
function stop(): void {
  const runs = runsThatGoOn()
  for (const run of runs.length > 0 ? runs : stage.views.map(({ run }) => run)) run.stop()
  schedule()
}

/** The one that is about to be shown, and those that are. */
function runsThatGoOn(): ShownRun[] {
  const runs = new Set<ShownRun>([...(current ? [current.run] : []), ...stage.views.map(({ run }) => run)])
  return [...runs].filter((run) => isOn(run) && !run.isPlayed)
}

/** However many frames come, the page is updated once per animation frame. */
function schedule(): void {
  if (current) showTitle(current.run.folding.state, askedInWords(current.run.record).title) // also in a hidden tab
  if (isScheduled) return
  isScheduled = true
  requestAnimationFrame(() => {
    isScheduled = false
    render()
  })
}

function render(): void {
  const { record, isCut = false } = current?.run ?? {}
  if (record && (record.frames.length > 0 || (record.isKept && isCut))) showCurrent()
  for (const { run } of stage.views) run.tick()
  for (const view of stage.views) if (!view.isOver) view.show()
  const { views, latest } = stage
  const isAnyOn = [...views.map(({ run }) => run), ...(current ? [current.run] : [])].some(isOn)
  if (isAnyOn) schedule() // their clocks keep running
  if (current && !isOn(current.run)) end(current.run, current.view)
  rememberStage() // a run has its id only once the service has answered
  welcome.hidden = !stage.isEmpty
  events.show(latest?.run.events ?? [])
  form.show(runsThatGoOn().length > 0, lastAsked)
  stage.place()
  if (views.length > 1) jumpLink.show(undefined) // there are two answers to jump to
  for (const view of views) view.keepUp()
  events.keepUp()
  if (reader.hasMoved) pageEnd.keepUp()
}

const isOn = ({ folding }: ShownRun) => folding.state.phase === 'running'

/** Shows how a run ended. One that never began leaves what was there before, and why it didn't begin. */
function end(run: Run, view: RunView): void {
  const { asked, end } = run.record
  current = undefined
  const isShown = stage.views.includes(view)
  if (run.refusal && isShown) stage.close(view)
  showPending(undefined)
  rememberStage()
  if (wantsKey(run.refusal)) askForKey(() => askElsewhere(asked.inputs))
  else if (wantsKey(run.error)) askForKey(() => tryAgain(view))
  else form.refuse(run.refusal, asked.inputs)
  const { prediction } = run.folding.state
  if (prediction) conversation.goOn({ inputs: asked.inputs, prediction })
  if (!run.refusal && !isShown && end) showNotice(noticeOfEnd(end), asked.inputs)
  const { latest } = stage
  showTitle(latest?.run.folding.state, latest && askedInWords(latest.run.record).title)
}

/** A reload shows the same, and the address leads to the run that came last. */
function rememberStage(): void {
  const records = stage.views.map(({ run }) => run.record).filter(({ id }) => !deleted.has(id))
  rememberShown(records.map(({ id }) => id))
  nameInAddress(records.findLast(({ isKept }) => isKept)?.id ?? sought)
}

/** Shows a run that was asked before, and reads it on if it may not be over. While another goes on, that one stays. */
function showRecorded(record: RunRecord, where: 'alone' | 'beside'): void {
  const shown = stage.views.find(({ run }) => run.record.id === record.id)
  if (shown && (where === 'beside' || isOn(shown.run))) return
  const run = mayGoOn(record) ? new Run(record) : new RecordedRun(record)
  const view = viewOf(run, run instanceof Run)
  const others = stage.views.filter((one) => one !== current?.view)
  const isBeside = current !== undefined || (where === 'beside' && !stage.isEmpty)
  const replaced = stage.views.length > 1 ? others[0] : undefined
  view.show()
  stage.show(view, isBeside ? ((current && replaced) ?? 'beside') : 'alone')
  rememberStage()
  showNotice(undefined)
  if (!current && where === 'alone') turnTo(record)
  const { title } = askedInWords(record)
  showTitle(view.run.folding.state, title)
  if (run instanceof Run) readOn(run, view)
  announcer.say(`Shown: ${title}`)
  schedule()
}

/** Goes on with a run where its record ends. */
function readOn(run: Run, view: RunView): void {
  if (!current) {
    announcer.begin()
    reader.begin()
    current = { run, view, where: 'alone' }
  }
  run.attach(service(), schedule)
  keepRun(store, run, run.record.frames.length).catch(() => {})
}

/** Makes the connection again that a run has lost, or tells the service again that it is to stop. */
function tryAgain(view: RunView): void {
  const { record } = view.run
  const run = new Run(record)
  const next = viewOf(run, true)
  next.show()
  stage.show(next, view)
  form.focusButton() // the one that was pressed is gone
  readOn(run, next)
  if (record.end?.by === 'untold') run.stop()
  schedule()
}

/** Shows the run that an address leads to. */
async function showLinked(id: string): Promise<void> {
  sought = id
  try {
    const kept = await store.record(id).catch(() => undefined)
    const record = kept ?? (await recordOf(service(), id, (name) => picker.find(name)))
    if (sought !== id) return // somebody has turned to something else
    if (stage.isEmpty && !current) showRecorded(record, 'alone')
    sought = undefined
  } catch (error) {
    if (sought !== id) return
    sought = undefined
    if (wantsKey(error)) return askForKey(() => showLinked(id))
    const message =
      'The service does not know this run. It may have been long ago, or asked with another key.'
    const notice: Notice =
      error instanceof RefusedError
        ? { kind: 'cut', message, mayAskAgain: false }
        : { ...noticeOfSilence(error as Error), mayAskAgain: false, mayTryAgain: true }
    showNotice(notice, undefined, () => {
      showNotice(undefined)
      showLinked(id)
    })
  }
}

async function standingNow(id: string): Promise<string> {
  const standings = { running: 'running', done: 'done', failed: 'failed', cancelled: 'stopped' } as const
  try {
    return standings[(await readRun({ ...service(), id })).status]
  } catch (error) {
    return error instanceof RefusedError && error.status === 404 ? 'cut' : 'running'
  }
}

/** Turns the form to what a run was asked, so that the next question can follow up on it. */
function turnTo(record: RunRecord): void {
  if (!picker.find(record.program.name)) return
  turnToProgramOf(record)
  const { inputs } = record.asked
  lastAsked = inputs
  form.refuse(undefined)
  form.fill(inputs)
  const { prediction } = new RecordedRun(record).folding.state
  conversation.begin(record.program)
  if (prediction) conversation.goOn({ inputs, prediction })
}

/** @returns whether the service has the program that a run is of; it is the chosen one then */
function turnToProgramOf({ program: { name } }: RunRecord): boolean {
  const description = picker.find(name)
  if (!description) {
    const message = `There is no program “${name}” here.`
    showNotice({ kind: 'cut', message, mayAskAgain: false })
    return false
  }
  if (picker.chosen?.name === name) return true
  picker.turnTo(name)
  program = Promise.resolve(description)
  showProgram(description)
  return true
}

async function showKept(id: string, where: 'alone' | 'beside'): Promise<void> {
  const record = await store.record(id).catch(() => undefined)
  if (record) showRecorded(record, where)
}

/** Shows the runs of before a reload. A link with a question, or to another program, leads elsewhere. */
async function showAgain(): Promise<void> {
  if (linkedQuestion() !== undefined) return
  const linked = linkedRun()
  const shown = shownRuns()
  const isElsewhere = linked !== undefined && !shown.includes(linked)
  const all = isElsewhere ? [] : shown.map((id) => store.record(id).catch(() => undefined))
  const records = (await Promise.all(all)).filter((record) => record !== undefined)
  if (!stage.isEmpty || current) return
  const isOfHere = ({ program: { name } }: RunRecord) =>
    linked !== undefined || !picker.find(name) || picker.chosen?.name === name
  for (const record of records.filter(isOfHere)) showRecorded(record, stage.isEmpty ? 'alone' : 'beside')
  if (stage.isEmpty && linked !== undefined) await showLinked(linked)
}

async function recallLast(): Promise<void> {
  const [last] = await store.entries().catch(() => [])
  recalled = last?.asked.inputs
}

async function openFile(file: File): Promise<void> {
  try {
    if (file.size > LARGEST_FILE) throw new NotARunError('It is too large.')
    const record = readFramesFile(await file.text(), (name) => picker.find(name))
    showRecorded(record, 'alone')
    keepRun(store, new RecordedRun(record)).catch(() => {})
  } catch (error) {
    const why = error instanceof NotARunError ? error.message : 'It is no file that can be read.'
    showNotice({ kind: 'failed', message: `“${file.name}” can’t be shown. ${why}`, mayAskAgain: false })
  }
}

/** Shows a run once more, at the speed at which it came. */
function play(view: RunView): void {
  const next = viewOf(new RecordedRun(view.run.record, true), true)
  announcer.begin()
  reader.begin()
  next.show()
  stage.show(next, view)
  next.focus()
  schedule()
}

/**
 * @param asked what its button asks again
 * @param tryAgain what its other button does
 */
function showNotice(notice: Notice | undefined, asked: Inputs = {}, tryAgain?: () => void): void {
  const askAgain = () => askElsewhere(asked)
  byId('notice').replaceChildren(...(notice ? [noticeElement(notice, askAgain, tryAgain)] : []))
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

const service = () => ({ url, apiKey: keyBox.key })

/** The default program is asked without its name, as by anybody who knows no other. */
function nameToAsk(description: ProgramDescription): string | undefined {
  return picker.isDefault(description) ? undefined : description.name
}
