import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { Teardown } from './processes.js'

/**
 * `blackhole`: connections stay, new ones are accepted, and nothing arrives until the next mode, as on a network that
 * loses its packets; `refuse`: connections break, and so does every new one.
 */
export type ProxyMode = 'pass' | 'blackhole' | 'refuse' | { delayMs: number }

export interface TcpProxy {
  host: string
  port: number
  /** Changes what happens to the connections whose first bytes match; the others pass. */
  set(mode: ProxyMode, only?: RegExp): void
}

interface Link {
  client: Socket
  server: Socket
  /** What the client sent first, as far as it is needed to tell the connections apart. */
  opening: string
}

const OPENING_BYTES = 2000

/** A TCP proxy on a free port of 127.0.0.1 in front of a server there. It ends with the test. */
export async function startTcpProxy(t: Teardown, target: { port: number }): Promise<TcpProxy> {
  const links = new Set<Link>()
  let mode: ProxyMode = 'pass'
  let only = /(?:)/

  const modeOf = ({ opening }: Link): ProxyMode => (only.test(opening) ? mode : 'pass')
  const end = ({ client, server }: Link): void => {
    client.destroy()
    server.destroy()
  }

  function apply(link: Link): void {
    const now = modeOf(link)
    for (const socket of [link.client, link.server]) socket[now === 'blackhole' ? 'pause' : 'resume']()
    if (now === 'refuse') end(link)
  }

  function forward(link: Link, to: Socket, bytes: Buffer): void {
    const now = modeOf(link)
    if (now === 'blackhole') {
      const from = to === link.client ? link.server : link.client
      from.unshift(bytes)
      from.pause()
    } else if (typeof now === 'object') setTimeout(() => to.write(bytes), now.delayMs)
    else if (now === 'pass') to.write(bytes)
    else end(link)
  }

  const proxy = createServer(client => {
    const server = connect(target.port, '127.0.0.1')
    const link = { client, server, opening: '' }
    links.add(link)
    client.on('data', bytes => {
      if (link.opening.length < OPENING_BYTES) link.opening += bytes.toString('latin1')
      forward(link, server, bytes)
    })
    server.on('data', bytes => forward(link, client, bytes))
    for (const socket of [client, server]) {
      socket.on('error', () => end(link))
      socket.on('close', () => {
        end(link)
        links.delete(link)
      })
    }
    apply(link)
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  t.teardown(() => {
    links.forEach(end)
    proxy.close()
  })
  const address = proxy.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    host: '127.0.0.1',
    port: address.port,
    set: (next, filter = /(?:)/) => {
      mode = next
      only = filter
      links.forEach(apply)
    }
  }
}
