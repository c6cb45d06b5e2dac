import { keyOf, outputsOf, standing } from 'tributary-client'
import { useRun } from 'tributary-client/react'
import type { ParallelComposer } from './programs.ts'

const url = import.meta.env.VITE_TRIBUTARY_URL ?? 'http://127.0.0.1:8000'

export function App() {
  const { state, start, stop } = useRun<ParallelComposer>({ url })
  return (
    <>
      <form action={(form) => start(String(form.get('question')))}>
        <input name="question" aria-label="Question" placeholder="Why stream parallel branches?" required />
        <button type="submit">Ask</button>
        <button type="button" onClick={stop}>
          Stop
        </button>
      </form>
      {state.lanes.map((lane) => (
        <section key={keyOf(lane)} aria-label={lane.predictor}>
          <h2>{`${lane.predictor}: ${standing(lane)}`}</h2>
          {outputsOf(lane).map(([name, { text }]) => (
            <p key={name}>{text}</p>
          ))}
        </section>
      ))}
      {state.failure && <p role="alert">{state.failure.message}</p>}
      {state.prediction && <p role="status">The answer has {state.prediction.answer.length} characters.</p>}
    </>
  )
}
