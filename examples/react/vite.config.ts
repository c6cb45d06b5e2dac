import { defineConfig } from 'vite'

export default defineConfig({
  // The client is a link to this repository, where its React would be another one. An installed package needs no such line.
  resolve: { dedupe: ['react'] },
})
