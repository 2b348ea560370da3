import { readFileSync } from 'node:fs'
import compress from '@fastify/compress'
import { BentoCache, bentostore } from 'bentocache'
import { memoryDriver } from 'bentocache/drivers/memory'
import fastify from 'fastify'
import { readTask } from './task.js'

/* What most applications do: a value from a cache in memory, serialised and compressed for every answer. */

const { route, port, bodyFile } = readTask()
const value: unknown = JSON.parse(readFileSync(bodyFile, 'utf8'))
const memory = memoryDriver({ maxItems: 10_000 })
const cache = new BentoCache({ default: 'memory', stores: { memory: bentostore().useL1Layer(memory) } })
const app = fastify()

await app.register(compress)
app.get('/ready', async () => 'ready')
app.get(route, () => cache.getOrSet({ key: 'value', ttl: '1h', factory: () => value }))

await app.listen({ host: '127.0.0.1', port })
