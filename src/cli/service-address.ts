import { setTimeout as delay } from 'node:timers/promises'
import type { Config } from '../config.js'
import { CommandError } from '../errors.js'
import { probe, ServiceProcess, type Presence } from './service-process.js'

const WAIT_MS = 30_000
const POLL_MS = 200
const LOOPBACK = ['127.0.0.1', '0.0.0.0', '::', '::1']

/** A service to talk to: one that was there, or one that we started and must stop. */
export interface Service {
  url: string
  /** Where the started service keeps its data; null when it was running already. */
  startedWith: string | null
  stop(): Promise<void>
}

interface FindOptions {
  /** The address that was asked for; null: the one of the configuration, where we may start one ourselves. */
  url: string | null
  config: Config
  env: NodeJS.ProcessEnv
  signal: AbortSignal
}

/** The service at that address, started when nothing answers at the configured one. */
export async function findService({ url, config, env, signal }: FindOptions): Promise<Service> {
  const address = url ?? config.publicUrl
  const presence = await settled(address, signal)
  if (presence === 'ready') return { url: address, startedWith: null, stop: () => Promise.resolve() }
  if (presence === 'starting') throw new CommandError(`The service at ${address} does not become ready.`)
  if (presence === 'foreign') {
    throw new CommandError(
      `What answers at ${address} is not this service. Give its address with --url, or another PORT.`
    )
  }
  if (url !== null) throw new CommandError(`Nothing answers at ${url}. Without --url the demo starts a service itself.`)
  return start(config, env, signal)
}

/** Gives a service that is just starting its time. */
async function settled(url: string, signal: AbortSignal): Promise<Presence> {
  const deadline = Date.now() + WAIT_MS
  let presence = await probe(url)
  while (presence === 'starting' && Date.now() < deadline) {
    await delay(POLL_MS, undefined, { signal })
    presence = await probe(url)
  }
  return presence
}

async function start(config: Config, env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Service> {
  const host = LOOPBACK.includes(config.host) ? 'localhost' : config.host
  const url = `http://${host}:${config.port}`
  const service = new ServiceProcess(env)
  try {
    await service.ready(url, signal)
  } catch (error) {
    await service.stop()
    throw error
  }
  return { url, startedWith: config.dataDir, stop: () => service.stop() }
}
