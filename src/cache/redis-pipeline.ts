import { setImmediate } from 'node:timers/promises'
import { Cluster, Command as RedisCommand, type Redis } from 'ioredis'
import { within } from '../deadline.js'
import { RedisAnswerError } from '../errors.js'
import type { RedisClient } from './redis-client.js'

/** One command with its arguments, as ioredis names it, e.g. `['getBuffer', key]`. */
export type Command = readonly [name: string, ...args: (string | number | Buffer)[]]

/** What became of one command. */
export interface Reply {
  error: Error | null
  value: unknown
}

/** Above this many commands at once the last ones would run into the command time-out of a healthy Redis. */
const CHUNK = 500

/** Longest wait for one command in a Cluster, redirections included: ioredis bounds each of its steps only. */
const CLUSTER_MS = 200
const LATE = Symbol('late')

/**
 * Sends the commands at the end of this turn of the event loop: in one pipeline with all others, in a Cluster at once, each
 * to the master of its key. Never rejects: a connection that is gone is an error in every reply.
 */
export async function send(client: RedisClient, commands: readonly Command[]): Promise<Reply[]> {
  if (client instanceof Cluster) return Promise.all(commands.map(command => sendToMaster(client, command)))
  return sendInPipeline(client, commands)
}

/** Sends one command a key, some hundred at once; stops at the first lot that has an error. */
export async function sendEach(
  client: RedisClient,
  keys: readonly string[],
  command: (key: string) => Command
): Promise<Error | null> {
  for (let start = 0; start < keys.length; start += CHUNK) {
    const replies = await send(client, keys.slice(start, start + CHUNK).map(command))
    const failed = replies.find(reply => reply.error !== null)
    if (failed) return failed.error
  }
  return null
}

/** Answers that tell that the server cannot do its work, in either direction or with values only. */
const FAILING = {
  read: /^(LOADING|MASTERDOWN|CLUSTERDOWN|MOVED|ASK)\b/,
  write: /^(LOADING|MASTERDOWN|CLUSTERDOWN|MOVED|ASK|OOM|READONLY|MISCONF|NOREPLICAS)\b/
}

/** Answers after which deletions are refused, too, so that an old value may stay. */
const REFUSING = /^(READONLY|MISCONF|NOREPLICAS|NOAUTH|WRONGPASS|NOPERM)\b/

/** Whether the next command in this direction would fail, too: no answer at all, or one that says so. */
export const isOutage = (error: Error, direction: keyof typeof FAILING): boolean =>
  !isReplyError(error) || FAILING[direction].test(error.message)

/** An answer of Redis to a command, as opposed to none at all. */
export const isReplyError = (error: Error): boolean => error.name === 'ReplyError'

/** Whether the server refuses what the cache needs, deletions included. */
export const isRefusing = (error: Error): boolean => isReplyError(error) && REFUSING.test(error.message)

/** What goes out at the end of this turn of the event loop. */
interface Batch {
  commands: Command[]
  replies: Promise<Reply[]>
}

const batches = new WeakMap<Redis, Batch>()

/** One pipeline and one write a turn for all who ask in it: each costs more than ten commands. Over 500 take another one. */
async function sendInPipeline(client: Redis, commands: readonly Command[]): Promise<Reply[]> {
  const open = batches.get(client)
  const hasRoom = open && open.commands.length + commands.length <= CHUNK
  const batch = hasRoom ? open : openBatch(client)
  const first = batch.commands.length
  batch.commands.push(...commands)
  return (await batch.replies).slice(first, first + commands.length)
}

function openBatch(client: Redis): Batch {
  const commands: Command[] = []
  const close = (): Promise<Reply[]> => {
    if (batches.get(client) === batch) batches.delete(client)
    return execute(client, commands)
  }
  const batch = { commands, replies: setImmediate().then(close) }
  batches.set(client, batch)
  return batch
}

async function execute(client: Redis, commands: readonly Command[]): Promise<Reply[]> {
  try {
    const replies = await client.pipeline(commands.map(command => [...command])).exec()
    return (replies ?? []).map(([error, value]) => ({ error, value }))
  } catch (cause) {
    const error = cause as Error
    return commands.map(() => ({ error, value: null }))
  }
}

async function sendToMaster(cluster: Cluster, [name, ...args]: Command): Promise<Reply> {
  const replyEncoding = name.endsWith('Buffer') ? null : 'utf8'
  const command = new RedisCommand(name.replace(/Buffer$/, ''), args, { replyEncoding })
  const slot = command.getSlot()
  const master = cluster.slots[slot]?.[0]
  try {
    const value = await within(CLUSTER_MS, cluster.sendCommand(command) as Promise<unknown>, LATE)
    if (value === LATE) return failed(`no answer within ${CLUSTER_MS} ms`)
    // A failover may have lost deletions: what another master says than the one that was asked is not believed yet.
    if (cluster.slots[slot]?.[0] !== master) return failed('the slot has moved to another master')
    return { error: null, value }
  } catch (error) {
    return { error: error as Error, value: null }
  }
}

const failed = (reason: string): Reply => ({ error: new RedisAnswerError(reason), value: null })
