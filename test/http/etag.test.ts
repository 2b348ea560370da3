import t from 'tap'
import { matchesEtag } from '../../src/http/etag.js'

const yes = ['"h"', 'W/"h"', '"h-gzip"', 'W/"h-gzip"', '*', ' * ', '"a", "h"', '"a","b",W/"h-gzip" , "c"', '"a,b", "h"']
const no = ['', 'h', '"', '"x"', '"H"', 'W/h', '"h-br"', '"hh"', '"h ', "'h'", '"*"', '"a", h', '"a-gzip"']

t.test('names the tag', async t => {
  for (const header of yes) t.equal(matchesEtag(header, '"h"'), true, header)
})

t.test('names another one, or nothing', async t => {
  for (const header of no) t.equal(matchesEtag(header, '"h"'), false, header)
  t.equal(matchesEtag(undefined, '"h"'), false)
})

t.test('a hostile header takes no time', async t => {
  // Processor time: on a busy machine the clock goes on without us.
  const started = process.cpuUsage()
  for (const part of ['"', 'W/', 'W/"', '"a",', ' ']) t.equal(matchesEtag(part.repeat(16_000), '"h"'), false)
  t.ok(process.cpuUsage(started).user < 200_000)
})
