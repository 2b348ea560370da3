import { spawnSync } from 'node:child_process'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { WireAnswer } from './ask.js'
import type { PinnedServer } from './pinned.js'
import type { Stage } from './stage.js'

const isInstalled = (program: string, flag: string): boolean => spawnSync(program, [flag]).error === undefined

/** nginx, one worker, that sends the body as a file at every path, in the encoding of the answer; null without it. */
export async function nginx(stage: Stage, { headers, body }: WireAnswer): Promise<PinnedServer | null> {
  if (!isInstalled('nginx', '-v')) return null
  return stage.other({
    command: async port => {
      const folder = path.join(stage.folder, `nginx-${port}`)
      await mkdir(folder)
      await writeFile(path.join(folder, 'body'), body)
      const config = path.join(folder, 'nginx.conf')
      const encoding = headers['content-encoding']
      await writeFile(config, nginxConfig({ folder, port, type: headers['content-type'] ?? 'text/plain', encoding }))
      return ['nginx', '-p', folder, '-c', config]
    },
    readyAt: '/'
  })
}

interface NginxFacts {
  folder: string
  port: number
  type: string
  encoding: string | undefined
}

const nginxConfig = ({ folder, port, type, encoding }: NginxFacts): string => `
  ${process.getuid?.() === 0 ? 'user root;' : ''}
  daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr crit;
  events { worker_connections 1024; }
  http {
    access_log off; sendfile on; tcp_nopush on; keepalive_requests 100000000; open_file_cache max=100;
    client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder};
    uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
    default_type "${type}";
    server {
      listen 127.0.0.1:${port};
      ${encoding === undefined ? '' : `add_header content-encoding ${encoding};`}
      location / { root ${folder}; try_files /body =404; }
    }
  }`

/** Varnish that keeps the answers of the service for an hour; null without it. */
export async function varnish(stage: Stage, behind: PinnedServer): Promise<PinnedServer | null> {
  if (!isInstalled('varnishd', '-V')) return null
  return stage.other({
    command: async port => {
      const folder = path.join(stage.folder, `varnish-${port}`)
      await mkdir(folder)
      await chmod(folder, 0o755)
      const config = path.join(folder, 'cache.vcl')
      await writeFile(config, varnishConfig(behind.port))
      const where = ['-a', `127.0.0.1:${port}`, '-n', folder, '-f', config]
      return ['varnishd', '-F', ...where, '-s', 'malloc,64m', '-p', 'thread_pools=1']
    },
    readyAt: '/health/ready'
  })
}

const varnishConfig = (port: number): string => `
  vcl 4.1;
  backend service { .host = "127.0.0.1"; .port = "${port}"; }
  sub vcl_recv { return (hash); }
  sub vcl_backend_response { set beresp.ttl = 1h; return (deliver); }
`
