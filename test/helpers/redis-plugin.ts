import fastify, { type FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import redisPlugin from '../../plugins/redis.js'
import type { Config, RedisConfig } from '../../src/config.js'
import type { Teardown } from './processes.js'

/** The plugin on a bare Fastify, what it logs, and how long its start took. */
export async function buildRedis(
  t: Teardown,
  redis: RedisConfig
): Promise<{ app: FastifyInstance; lines: string[]; ms: number }> {
  const lines: string[] = []
  const write = (line: string) => void lines.push((JSON.parse(line) as { msg: string }).msg)
  const app = fastify({ logger: { level: 'info', stream: { write } } })
  await app.register(
    fp(async scope => void scope.decorate('config', { redis } as unknown as Config), { name: 'config' })
  )
  const started = performance.now()
  await app.register(redisPlugin)
  await app.ready()
  t.teardown(() => app.close())
  return { app, lines, ms: performance.now() - started }
}
