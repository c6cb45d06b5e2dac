/** Runs kept in Redis: as one instance sees them, and as another does. */
import { after } from 'node:test'
import { Redis } from '../support/redis.ts'
import { Service } from '../support/service.ts'
import { behavesWell } from './behaviour.ts'

const redis = await Redis.start({ after })

behavesWell({
  name: 'in Redis',
  async start(t, { env = {}, ...options }) {
    const service = await Service.start(t, { ...options, env: { ...env, REDIS_URL: redis.url } })
    return { owner: service, other: service }
  },
})

behavesWell({
  name: 'in Redis, through another instance',
  async start(t, { env = {}, ...options }) {
    const all = { ...options, env: { ...env, REDIS_URL: redis.url } }
    const [owner, other] = await Promise.all([Service.start(t, all), Service.start(t, all)])
    return { owner, other }
  },
})
