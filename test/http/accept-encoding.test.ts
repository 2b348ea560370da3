import t from 'tap'
import { acceptsGzip } from '../../src/http/accept-encoding.js'

t.test('RFC 9110 §12.5.3', async t => {
  const accepted = [
    'gzip',
    'GZIP',
    'x-gzip',
    'gzip, deflate, br',
    'br;q=1.0, gzip;q=0.8, *;q=0.1',
    'deflate, gzip ; q=0.001',
    '*',
    'br, *;q=0.5',
    'identity;q=0, gzip'
  ]
  const refused = ['', 'identity', 'br', 'gzip;q=0', 'gzip;q=0.000', '*;q=0', 'gzip;q=0, *', 'gzippy', 'a gzip', ',']
  for (const header of [...accepted, ...accepted]) t.equal(acceptsGzip(header), true, header)
  for (const header of [...refused, ...refused]) t.equal(acceptsGzip(header), false, header)
  t.equal(acceptsGzip(undefined), false)
})

t.test('many different headers are told apart', async t => {
  for (let i = 0; i < 1000; i++) t.equal(acceptsGzip(`br;q=0.${i}${i % 2 ? ', gzip' : ''}`), i % 2 === 1)
})
