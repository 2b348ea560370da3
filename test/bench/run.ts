import { Ends } from './ends.js'
import { hasWrk } from './load.js'
import { pinLoad } from './pinned.js'
import { render, rewriteReadme } from './report.js'
import type { Figure, Row } from './row.js'
import { Stage } from './stage.js'
import { coherence } from './rows/coherence.js'
import { compression } from './rows/compression.js'
import { entryMemory } from './rows/entry-memory.js'
import { hotAudio } from './rows/hot-audio.js'
import { invalidation } from './rows/invalidation.js'
import { list } from './rows/list.js'
import { metadata } from './rows/metadata.js'
import { notModified } from './rows/not-modified.js'
import { oneLoad } from './rows/one-load.js'
import { progress } from './rows/progress.js'
import { rebuild } from './rows/rebuild.js'
import { redisHit } from './rows/redis-hit.js'
import { redisHung } from './rows/redis-hung.js'

/*
 * `npm run bench`: measures every row and rewrites the table in README.md. `npm run bench -- metadata list` measures these
 * rows and only prints them.
 */

const ROWS: Record<string, Row> = {
  metadata,
  list,
  'redis-hit': redisHit,
  'not-modified': notModified,
  'hot-audio': hotAudio,
  coherence,
  invalidation,
  'entry-memory': entryMemory,
  'one-load': oneLoad,
  'redis-hung': redisHung,
  compression,
  rebuild,
  progress
}

async function main(names: readonly string[]): Promise<void> {
  const unknown = names.find(name => !(name in ROWS))
  if (unknown !== undefined) throw new Error(`there is no row ${unknown}; rows: ${Object.keys(ROWS).join(', ')}`)
  const pinned = pinLoad()
  const ends = new Ends()
  const figures: Figure[] = []
  try {
    const stage = await Stage.set(ends, process.env['BENCH_BOOK'])
    for (const [name, row] of Object.entries(ROWS)) {
      if (names.length > 0 && !names.includes(name)) continue
      console.error(`measuring ${name}`)
      figures.push(...(await measure(stage, row)))
    }
    const command = ['npm run bench', ...(names.length > 0 ? ['--', ...names] : [])].join(' ')
    const book = { title: stage.text.title, segments: stage.book.segments }
    const table = render(figures, { command, pinned, book })
    console.log(table)
    if (names.length === 0) await rewriteReadme(table)
  } finally {
    await ends.close()
  }
}

async function measure(stage: Stage, row: Row): Promise<Figure[]> {
  const ends = new Ends()
  try {
    return await row(stage.for(ends))
  } finally {
    await ends.close()
  }
}

if (hasWrk()) await main(process.argv.slice(2))
else {
  console.error('The bench needs the load generator wrk: install it (Debian, Ubuntu: apt-get install wrk).')
  process.exitCode = 1
}
