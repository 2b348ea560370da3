import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { crash, trusted } from './progress-stage.js'

crash(t, 'kill -9 of Redis, which comes back empty', {
  short: 1,
  long: 50,
  fault: async ({ redis, services }, random) => {
    await redis.kill()
    await delay(random() * 2000)
    await redis.restart()
    if (random() < 0.7) await trusted(services)
  }
})
