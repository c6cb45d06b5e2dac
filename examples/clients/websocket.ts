// A run over a WebSocket, without any package: node websocket.ts "Why is the sky blue?". Pages do the same.
const url = process.env.TRIBUTARY_URL ?? 'http://127.0.0.1:8000'
const question = process.argv[2] ?? 'Why stream parallel branches?'
const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/v1/ws`)
let answer: string | undefined
socket.onopen = () => socket.send(JSON.stringify({ question }))
socket.onmessage = ({ data }) => {
  const frame = JSON.parse(data)
  if (frame.type === 'token') console.log(`${frame.predictor} ${frame.field}: ${frame.chunk}`)
  if (frame.type === 'prediction') answer = frame.data.answer
  if (frame.type === 'error') console.error(frame.message)
}
socket.onclose = () => {
  if (answer !== undefined) console.log(answer)
  else process.exitCode = 1 // refused, failed or cut
}
