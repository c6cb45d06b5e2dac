/** Where there is no window: the hook renders on a server as it does before the first question. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createElement } from 'react'
import { renderToString } from 'react-dom/server'
import { useRun } from '../../src/react/index.ts'

test('a server renders the idle state, and asks nothing', () => {
  assert.equal(typeof globalThis.window, 'undefined')
  const App = () => {
    const { state } = useRun({ url: 'http://127.0.0.1:1' })
    return createElement('p', null, `${state.phase}, ${state.lanes.length} lanes`)
  }
  assert.equal(renderToString(createElement(App)), '<p>idle, 0 lanes</p>')
})
