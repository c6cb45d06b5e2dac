/** Runs kept in the process that has them. */
import { Service } from '../support/service.ts'
import { behavesWell } from './behaviour.ts'

behavesWell({
  name: 'in memory',
  async start(t, options) {
    const service = await Service.start(t, options)
    return { owner: service, other: service }
  },
})
