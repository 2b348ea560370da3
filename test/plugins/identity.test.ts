import { createServer } from 'node:http'
import { once } from 'node:events'
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey } from 'jose'
import fastify from 'fastify'
import fp from 'fastify-plugin'
import t from 'tap'
import identity from '../../plugins/identity.js'
import problems from '../../plugins/problems.js'
import type { JwtConfig } from '../../src/config.js'
import type { Teardown } from '../helpers/processes.js'

const SECRET = 'a secret of more than thirty-two bytes'
const secret = new TextEncoder().encode(SECRET)

async function build(t: Teardown, jwt: JwtConfig | null) {
  const app = fastify()
  t.teardown(() => app.close())
  await app.register(
    fp(async scope => void scope.decorate('config', { writeToken: null, jwt } as never), { name: 'config' })
  )
  await app.register(problems)
  await app.register(identity)
  app.get('/', { onRequest: app.identifyUser }, async request => ({ user: request.userId }))
  return async (headers: Record<string, string>) => {
    const answer = await app.inject({ url: '/', headers })
    return answer.statusCode === 200
      ? answer.json<{ user: string | null }>().user
      : answer.json<{ code: string }>().code
  }
}

const token = (claims: object = {}, key: CryptoKey | Uint8Array = secret, alg = 'HS256') =>
  new SignJWT({ sub: 'auth0|abc', ...claims }).setProtectedHeader({ alg }).sign(key)
const bearer = async (signed: Promise<string>) => ({ authorization: `Bearer ${await signed}` })

t.test('without tokens the header is believed, if it is an id', async t => {
  const user = await build(t, null)
  t.equal(await user({}), null)
  t.equal(await user({ 'x-user-id': '' }), null)
  for (const id of ['auth0|abc', 'a@b.c', '5']) t.equal(await user({ 'x-user-id': id }), id)
  t.equal(await user({ 'x-user-id': 'a:b' }), 'VALIDATION_FAILED')
})

t.test('with a secret the user is the subject of a valid token', async t => {
  const user = await build(t, { secret: SECRET, jwksUrl: null, issuer: 'me', audience: 'tts' })
  const good = { iss: 'me', aud: 'tts' }
  t.equal(await user(await bearer(token(good))), 'auth0|abc')
  t.equal(await user({ 'x-user-id': 'mallory' }), null, 'the header is ignored')
  const seconds = Math.floor(Date.now() / 1000)
  const unsigned = `${btoa('{"alg":"none"}')}.${btoa('{"sub":"u","iss":"me","aud":"tts"}')}.`
  const bad: Record<string, Promise<string>> = {
    expired: token({ ...good, exp: seconds - 60 }),
    'not yet valid': token({ ...good, nbf: seconds + 600 }),
    'another issuer': token({ ...good, iss: 'you' }),
    'another audience': token({ ...good, aud: 'x' }),
    'no issuer': token({ aud: 'tts' }),
    'no subject': token({ ...good, sub: undefined }),
    'a subject that is no id': token({ ...good, sub: 'a:b' }),
    'another secret': token(good, new TextEncoder().encode('b'.repeat(40))),
    'another algorithm': token(good, new TextEncoder().encode(SECRET.repeat(2)), 'HS512'),
    unsigned: Promise.resolve(unsigned),
    garbage: Promise.resolve('x')
  }
  for (const [name, signed] of Object.entries(bad)) t.equal(await user(await bearer(signed)), 'TOKEN_REFUSED', name)
  t.equal(await user({ authorization: 'Basic x' }), 'TOKEN_REFUSED')
})

t.test('with a key set only what has a private half is taken, and 503 says that the set is away', async t => {
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  const jwk = { ...(await exportJWK(publicKey)), alg: 'ES256' }
  const server = createServer((_request, response) => void response.end(JSON.stringify({ keys: [jwk] }))).listen(0)
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const config = { secret: null, jwksUrl: `http://127.0.0.1:${port}/`, issuer: null, audience: null }
  const user = await build(t, config)
  t.equal(await user(await bearer(token({}, privateKey, 'ES256'))), 'auth0|abc')
  t.equal(await user(await bearer(token())), 'TOKEN_REFUSED', 'HS256 is never taken')
  const { privateKey: other } = await generateKeyPair('ES256')
  t.equal(await user(await bearer(token({}, other, 'ES256'))), 'TOKEN_REFUSED')
  server.closeAllConnections()
  server.close()
  const late = await build(t, config)
  t.equal(await late(await bearer(token({}, privateKey, 'ES256'))), 'IDENTITY_UNAVAILABLE')
})
