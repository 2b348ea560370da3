import { execFile } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { temporaryFolder, type Teardown } from './processes.js'

const run = promisify(execFile)

/** Paths of a certificate for localhost and 127.0.0.1, of its key, and of the authority that signed it. */
export interface Certificates {
  authority: string
  certificate: string
  key: string
}

/** Makes an authority that nobody knows and a certificate of it, by `openssl`. */
export async function makeCertificates(t: Teardown): Promise<Certificates> {
  const folder = await temporaryFolder(t)
  const file = (name: string): string => path.join(folder, name)
  const openssl = (...args: string[]) => run('openssl', args, { cwd: folder })
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const ca = ['-keyout', 'ca.key', '-out', 'ca.crt', '-days', '2', '-subj', '/CN=test authority']
  await openssl('req', '-x509', ...key, ...ca)
  await openssl('req', ...key, '-keyout', 'redis.key', '-out', 'redis.csr', '-subj', '/CN=localhost')
  await writeFile(file('names'), 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
  const signed = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', 'names']
  await openssl('x509', '-req', '-in', 'redis.csr', '-out', 'redis.crt', ...signed)
  return { authority: file('ca.crt'), certificate: file('redis.crt'), key: file('redis.key') }
}

/** Arguments with which a `redis-server` takes encrypted connections on that port. */
export const tlsArgs = ({ authority, certificate, key }: Certificates, port: number): string[] => [
  ...['--tls-port', String(port), '--tls-cert-file', certificate, '--tls-key-file', key],
  ...['--tls-ca-cert-file', authority, '--tls-auth-clients', 'no']
]
