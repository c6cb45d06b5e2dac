/** Tells the process that started this one from which folders it imports: `--import` it before everything else. */
import { registerHooks } from 'node:module'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

const told = new Set<string>()

registerHooks({
  load(url, context, next) {
    if (url.startsWith('file:') && !url.includes('/node_modules/')) {
      const folder = dirname(fileURLToPath(url))
      if (!told.has(folder)) process.send?.(folder)
      told.add(folder)
    }
    return next(url, context) // whatever comes of it: a file with a fault is one to watch
  },
})
