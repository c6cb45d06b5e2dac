/** Asks a service by AG-UI's own agent, and prints what each predictor writes under its name. */
import { HttpAgent } from '@ag-ui/client'

const url = `${process.env.TRIBUTARY_URL ?? 'http://127.0.0.1:8000'}/ag-ui`
const agent = new HttpAgent({
  url,
  initialMessages: [{ id: '1', role: 'user', content: process.argv[2] ?? 'Why?' }],
})
const names = new Map<string, string>()
const { result } = await agent.runAgent(undefined, {
  onSubagentStartedEvent: ({ event }) => void names.set(event.subagentRunId, event.name),
  onNewMessage({ message }) {
    const name = names.get(message.subagentRunId ?? '')
    if (name !== undefined) console.log(`${name}: ${message.content}`)
  },
  onRunErrorEvent: ({ event }) => console.error(event.message),
})
if (result !== undefined) console.log(JSON.stringify(result))
