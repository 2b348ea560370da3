import { randomUUID } from 'node:crypto'
import t from 'tap'
import { execute, openDatabase, testDatabase } from '../helpers/database.js'
import { claimOf, createBook, FACTS, lease, makeAudio, recipeOf, sha256 } from './rows.js'

const open = async (t: Parameters<typeof openDatabase>[0]) => {
  const { url } = await testDatabase(t)
  const expire = () => execute(url, `UPDATE audios SET lease_until = now() - interval '1 second'`)
  return { url, expire, db: await openDatabase(t, url), other: await openDatabase(t, url) }
}
const readyAudios = (url: string) => execute(url, `SELECT id FROM audios WHERE state = 'ready'`)
const link = async () => undefined
const remove = async () => undefined

t.test('made once, found by its text in any book', async t => {
  const { url, db } = await open(t)
  await createBook(db, 'uno')
  t.equal(await db.audios.findReady(sha256('uno'), 'v1'), null)
  const audio = await makeAudio(db, 'uno')
  t.match(audio, { recipe: recipeOf('uno'), voiceId: 'v1', engine: 'test', state: 'ready', epoch: 1, ...FACTS })
  t.match(audio.readyAt, /^\d{4}-.*Z$/)
  t.strictSame(await db.audios.findReady(sha256('uno'), 'v1'), audio)
  t.strictSame(await db.audios.get(audio.recipe), audio)
  t.equal(await db.audios.findReady(sha256('uno'), 'v2'), null, 'another voice')
  t.equal(await db.audios.claim(claimOf('uno')), null, 'what is ready is not made again')
  t.equal((await readyAudios(url)).length, 1)
})

t.test('of many claimers in two copies one gets it', async t => {
  const { db, other } = await open(t)
  const claims = await Promise.all(
    Array.from({ length: 12 }, (_, index) => (index % 2 ? db : other).audios.claim(claimOf('uno')))
  )
  t.strictSame(
    claims.filter(claim => claim !== null),
    [{ epoch: 1 }]
  )
})

t.test('an expired lease is taken over with the next epoch; the late one is fenced', async t => {
  const { db, other, expire } = await open(t)
  await createBook(db, 'uno')
  const late = await lease(db, claimOf('uno'))
  t.equal(await other.audios.claim(claimOf('uno')), null)
  await expire()
  const winner = await lease(other, claimOf('uno'))
  t.equal(winner.epoch, 2)

  let linked = false
  t.equal(await db.audios.publish({ ...late, ...FACTS }, async () => void (linked = true)), null)
  t.notOk(linked, 'nothing is put in place')
  t.notOk(await db.audios.extend({ ...late, leaseSeconds: 15 }))
  t.notOk(await db.audios.fail(late, 'x', 1))
  t.notOk(await db.audios.release(late))
  t.match(await other.audios.publish({ ...winner, ...FACTS }, link), { state: 'ready', epoch: 2 })
  t.equal(await db.audios.publish({ ...late, ...FACTS }, link), null, 'also after the winner')
})

t.test('a lease that was renewed is not taken over', async t => {
  const { db, other, expire } = await open(t)
  const mine = await lease(db, claimOf('uno'))
  await expire()
  t.ok(await db.audios.extend({ ...mine, leaseSeconds: 15 }))
  t.equal(await other.audios.claim(claimOf('uno')), null)
})

t.test('a failure waits for its time', async t => {
  const { url, db } = await open(t)
  t.ok(await db.audios.fail(await lease(db, claimOf('uno')), 'silent', 60))
  t.match(await db.audios.get(recipeOf('uno')), { state: 'failed', error: 'silent', retryAt: /Z$/ })
  t.equal(await db.audios.claim(claimOf('uno')), null)
  await execute(url, `UPDATE audios SET retry_at = now() - interval '1 second'`)
  t.strictSame(await db.audios.claim(claimOf('uno')), { epoch: 2 })
  t.match(await db.audios.get(recipeOf('uno')), { state: 'making', error: null, retryAt: null })
})

t.test('a released claim is free at once', async t => {
  const { db, other } = await open(t)
  const mine = await lease(db, claimOf('uno'))
  t.ok(await db.audios.release(mine))
  t.notOk(await db.audios.extend({ ...mine, leaseSeconds: 15 }))
  t.strictSame(await other.audios.claim(claimOf('uno')), { epoch: 2 })
})

t.test('the facts of a file that was there are kept; a failed link changes nothing', async t => {
  const { db } = await open(t)
  await createBook(db, 'uno')
  const mine = await lease(db, claimOf('uno'))
  const disk = new RangeError('disk full')
  await t.rejects(
    db.audios.publish({ ...mine, ...FACTS }, () => Promise.reject(disk)),
    { message: 'disk full' }
  )
  t.match(await db.audios.get(mine.recipe), { state: 'making', epoch: 1 })
  const adopted = { bytes: 7, sha256: 'b'.repeat(64), durationMs: 8 }
  t.match(await db.audios.publish({ ...mine, ...FACTS }, async () => adopted), adopted)
})

t.test('a lost file can be made again', async t => {
  const { db } = await open(t)
  await createBook(db, 'uno')
  const { recipe } = await makeAudio(db, 'uno')
  const files = [recipe]
  const removed = async (name: string) => void files.splice(files.indexOf(name), 1)
  t.equal(await db.audios.lose({ recipe, epoch: 2 }, removed), false, 'not the one that was looked at')
  t.equal(await db.audios.lose({ recipe, epoch: 1 }, removed), true)
  t.match(await db.audios.get(recipe), { state: 'lost', epoch: 2, voiceId: 'v1' })
  t.strictSame(files, [])
  t.equal(await db.audios.lose({ recipe, epoch: 2 }, removed), false, 'once')
  t.equal(await db.audios.findReady(sha256('uno'), 'v1'), null)
  t.match(await makeAudio(db, 'uno'), { epoch: 3 })
})

t.test('audio of a deleted text is freed, of one that another book has it is kept', async t => {
  const { db } = await open(t)
  const book = await createBook(db, 'uno', 'dos')
  await createBook(db, 'dos')
  for (const text of ['uno', 'dos']) await makeAudio(db, text)
  await makeAudio(db, 'uno', 'v2')
  const removed = await db.books.remove(book.id)
  const files: string[] = []
  const freed = await db.audios.freeText(removed?.textHashes ?? [], { remove: async recipe => void files.push(recipe) })
  t.strictSame(files.sort(), [recipeOf('uno'), recipeOf('uno', 'v2')].sort())
  t.strictSame(freed.map(audio => audio.voiceId).sort(), ['v1', 'v2'])
  t.strictSame(freed[0]?.textHash, sha256('uno'))
  t.match(await db.audios.get(recipeOf('uno')), { state: 'freed', epoch: 2 })
  t.match(await db.audios.get(recipeOf('dos')), { state: 'ready' })
  t.strictSame(
    await db.audios.freeText(removed?.textHashes ?? [], { remove: async () => void t.fail('freed twice') }),
    []
  )
})

t.test('more audios than one batch are freed; a file that cannot be removed keeps its row', async t => {
  const { url, db } = await open(t)
  const text = 'uno'
  const book = await createBook(db, text)
  for (let voice = 0; voice < 45; voice++) await makeAudio(db, text, `v${voice}`)
  await db.books.remove(book.id)
  const broken = new RangeError('read only')
  await t.rejects(db.audios.freeText([sha256(text)], { remove: () => Promise.reject(broken) }), {
    message: 'read only'
  })
  t.equal((await readyAudios(url)).length, 45)
  t.strictSame(await db.audios.orphans(10), [sha256(text)], 'found again at the next start')
  t.equal((await db.audios.freeText(await db.audios.orphans(10), { remove })).length, 45)
  t.strictSame(await db.audios.orphans(10), [])
  t.strictSame(await execute(url, `SELECT FROM audios WHERE state <> 'freed'`), [])
})

t.test('whoever makes a deleted text is fenced, before and after it is freed', async t => {
  const { db } = await open(t)
  const book = await createBook(db, 'uno')
  const mine = await lease(db, claimOf('uno'))
  const removed = await db.books.remove(book.id)
  const fail = async () => void t.fail('linked')
  t.equal(await db.audios.publish({ ...mine, ...FACTS }, fail), null)
  await db.audios.freeText(removed?.textHashes ?? [], { remove })
  await createBook(db, 'uno')
  t.equal(await db.audios.publish({ ...mine, ...FACTS }, fail), null, 'also when the text is back')
  t.match(await makeAudio(db, 'uno'), { epoch: 3 })
})

t.test('delete against publish, 40 times: never a file without a row, nor a ready row without a file', async t => {
  const { db, other } = await open(t)
  const files = new Set<string>()
  let published = 0
  for (let round = 0; round < 40; round++) {
    const text = `texto ${round}`
    const book = await createBook(db, text)
    const mine = await lease(other, claimOf(text))
    const publishing = other.audios.publish({ ...mine, ...FACTS }, async () => void files.add(mine.recipe))
    const deleting = (async () => {
      if (round % 4 > 0) await new Promise(resolve => setTimeout(resolve, round % 4))
      const removed = await db.books.remove(book.id)
      await db.audios.freeText(removed?.textHashes ?? [], { remove: async recipe => void files.delete(recipe) })
    })()
    const [audio] = await Promise.all([publishing, deleting])
    if (audio) published++
    t.match(await db.audios.get(mine.recipe), { state: 'freed', epoch: 2 })
  }
  t.strictSame([...files], [])
  t.comment(`${published} of 40 were published before they were freed`)
})

t.test('an unknown recipe', async t => {
  const { db } = await open(t)
  const nobody = { recipe: recipeOf('x'), owner: randomUUID(), epoch: 1 }
  t.equal(await db.audios.get(nobody.recipe), null)
  t.equal(await db.audios.publish({ ...nobody, ...FACTS }, link), null)
  t.equal(await db.audios.lose({ recipe: nobody.recipe, epoch: 1 }, async () => {}), false)
  t.strictSame(await db.audios.freeText([], { remove }), [])
})
