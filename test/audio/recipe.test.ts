import t from 'tap'
import { recipeOf } from '../../src/audio/recipe.js'
import type { Voice } from '../../src/db/voices.js'

const engine = { name: 'espeak', version: '1' }
const voice: Voice = {
  id: 'es-mx-f1',
  engine: 'espeak',
  voiceCode: 'es-419',
  language: 'es-MX',
  style: null,
  gender: 'FEMALE',
  settings: { rate: 165, pitch: 50 },
  active: true,
  position: 0
}

t.test('everything that shapes the sound changes the recipe, nothing else does', async t => {
  const recipe = recipeOf(engine, voice, 'Hola.')
  t.match(recipe, /^[0-9a-f]{64}$/)
  const same = { ...voice, settings: { pitch: 50, rate: 165 }, active: false, position: 7 }
  t.equal(recipeOf(engine, same, 'Hola.'), recipe)
  const others = [
    recipeOf({ ...engine, name: 'other' }, voice, 'Hola.'),
    recipeOf({ ...engine, version: '2' }, voice, 'Hola.'),
    recipeOf(engine, { ...voice, id: 'x' }, 'Hola.'),
    recipeOf(engine, { ...voice, voiceCode: 'x' }, 'Hola.'),
    recipeOf(engine, { ...voice, language: 'es' }, 'Hola.'),
    recipeOf(engine, { ...voice, settings: { rate: 166, pitch: 50 } }, 'Hola.'),
    recipeOf(engine, { ...voice, settings: null }, 'Hola.'),
    recipeOf(engine, voice, 'Hola. ')
  ]
  t.equal(new Set([recipe, ...others]).size, others.length + 1)
})
