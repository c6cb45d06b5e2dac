/**
 * A chat with the service by the AI SDK's stock hook: the answer is text, and what each predictor writes on the way to
 * it is reasoning under its name. The chat is resumable: a run goes on while the page reloads, and comes back after it.
 */
import { useChat } from '@ai-sdk/react'
import { DefaultChatTransport, type UIMessage } from 'ai'
import { useEffect, useState } from 'react'
import { createRoot } from 'react-dom/client'

type Message = UIMessage<unknown, { status: { message: string } }>

const service = new URLSearchParams(location.search).get('service') ?? 'http://127.0.0.1:8000'
const transport = new DefaultChatTransport<Message>({ api: `${service}/api/chat`, body: { resumable: true } })
const id: string = sessionStorage.getItem('chat') ?? crypto.randomUUID()
sessionStorage.setItem('chat', id)
const before: Message[] = JSON.parse(sessionStorage.getItem(id) ?? '[]')

function Chat() {
  const [step, setStep] = useState('')
  const { messages, sendMessage, status, stop, error } = useChat<Message>({
    id,
    transport,
    messages: before,
    resume: true,
    onData: (part) => part.type === 'data-status' && setStep(part.data.message),
  })
  useEffect(() => sessionStorage.setItem(id, JSON.stringify(messages)), [messages])
  const isBusy = status === 'submitted' || status === 'streaming'
  // Leaving doesn't end a run that is resumable. A message has the id of its run.
  const end = async () => {
    await stop()
    await fetch(`${service}/v1/runs/${messages.at(-1)?.id}/cancel`, { method: 'POST' })
  }
  return (
    <main>
      {messages.map(({ id, role, parts }) => (
        <article key={id} aria-label={role}>
          {parts.map((part, index) => {
            const key = `${part.type} ${index}`
            if (part.type === 'text') return <p key={key}>{part.text}</p>
            if (part.type !== 'reasoning') return null
            const { predictor, field } = part.providerMetadata?.tributary ?? {}
            return (
              <details key={key} open={part.state === 'streaming'}>
                <summary>{`${predictor}: ${field}`}</summary>
                {part.text}
              </details>
            )
          })}
        </article>
      ))}
      <output>{isBusy ? step : status}</output>
      {error && <p role="alert">{error.message}</p>}
      <form action={(form) => sendMessage({ text: String(form.get('question')) })}>
        <input name="question" aria-label="Question" />
        {isBusy ? (
          <button key="stop" type="button" onClick={end}>
            Stop
          </button>
        ) : (
          <button key="ask" type="submit">
            Ask
          </button>
        )}
      </form>
    </main>
  )
}

createRoot(document.getElementById('root') as HTMLElement).render(<Chat />)
