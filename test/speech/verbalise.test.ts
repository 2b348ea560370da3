import t from 'tap'
import { isSpeakable, verbalise } from '../../src/speech/verbalise.js'

const SPANISH: readonly (readonly [string, string])[] = [
  ['El Sr. López y la Sra. Ruiz', 'El señor López y la señora Ruiz'],
  ['la Dra. Ruiz y el Dr. Paz', 'la doctora Ruiz y el doctor Paz'],
  ['D. Quijote y D.ª Ana', 'don Quijote y doña Ana'],
  ['¿Cómo está Ud.?', '¿Cómo está usted?'],
  ['los EE. UU.', 'los Estados Unidos'],
  ['EE.UU. y EEUU', 'Estados Unidos y Estados Unidos'],
  ['p. ej., esto', 'por ejemplo, esto'],
  ['pan, vino, etc.', 'pan, vino, etcétera'],
  ['a las 10:30 a. m.', 'a las 10 y media a eme'],
  ['a las 10:00 p.m.', 'a las 10 en punto pe eme'],
  ['a la 1:15', 'a la una y cuarto'],
  ['a las 21:05', 'a las veintiuna y 5'],
  ['a las 20.45 h', 'a las 20 y 45'],
  ['44 a. C.', '44 antes de Cristo'],
  ['en 476 d. C.', 'en 476 después de Cristo'],
  ['S. M. el rey', 'su majestad el rey'],
  ['n.º 5', 'número 5'],
  ['nº 5', 'número 5'],
  ['núm. 3', 'número 3'],
  ['el 5.º piso', 'el quinto piso'],
  ['la 3.ª vez', 'la tercera vez'],
  ['el 1.er día', 'el primer día'],
  ['1º y 2ª', 'primero y segunda'],
  ['el 21.º puesto', 'el vigésimo primero puesto'],
  ['1.250,75', '1250,75'],
  ['1.250.000', '1250000'],
  ['1 000 000', '1000000'],
  ['un 12,5%', 'un 12,5 por ciento'],
  ['50 %', '50 por ciento'],
  ['5 € y 1 €', '5 euros y un euro'],
  ['12,50 €', '12 euros con 50'],
  ['US$20', '20 dólares'],
  ['siglo XIX', 'siglo 19'],
  ['el siglo V', 'el siglo quinto'],
  ['el s. XVI', 'el siglo 16'],
  ['Luis XIV', 'Luis 14'],
  ['Felipe II', 'Felipe segundo'],
  ['Isabel II', 'Isabel segunda'],
  ['Carlos V.', 'Carlos quinto.'],
  ['Juan V. García', 'Juan V. García'],
  ['Capítulo IV', 'Capítulo cuarto'],
  ['CAPÍTULO XXII', 'CAPÍTULO 22'],
  ['cap. 2', 'capítulo 2'],
  ['t. II', 'tomo segundo'],
  ['la II Guerra Mundial', 'la segunda Guerra Mundial'],
  ['10 km, 1 km', '10 kilómetros, un kilómetro'],
  ['3,5 kg', '3,5 kilogramos'],
  ['120 km/h', '120 kilómetros por hora'],
  ['20 °C', '20 grados Celsius'],
  ['5 m²', '5 metros cuadrados'],
  ['21 casas', 'veintiuna casas'],
  ['21 días', 'veintiún días'],
  ['200 leguas', 'doscientas leguas'],
  ['500 páginas', 'quinientas páginas'],
  ['1001 noches', 'mil una noches'],
  ['11 libros', '11 libros'],
  ['31 de mayo', '31 de mayo'],
  ['1 de enero', 'primero de enero'],
  ['12/05/2020', '12 de mayo de 2020'],
  ['1914-1918', '1914 a 1918'],
  ['pp. 10-12', 'páginas 10 a 12'],
  ['-5 grados', 'menos 5 grados'],
  ['y/o', 'y o'],
  ['C/ Mayor', 'calle Mayor'],
  ['él, VI y MIL', 'él, VI y MIL'],
  ['* * * Fin', ' Fin'],
  ['el _Quijote_ de 1605', 'el Quijote de 1605'],
  ['así[12] fue', 'así fue'],
  ['fi\u00adn\u0000al', 'final'],
  ['—Sí —dijo él—.', '—Sí —dijo él—.']
]

const ENGLISH: readonly (readonly [string, string])[] = [
  ['Mr. and Mrs. Smith', 'Mister and Missus Smith'],
  ['Dr. Who met Prof. Xu', 'Doctor Who met Professor Xu'],
  ['St. John lives on Main St.', 'Saint John lives on Main Street'],
  ['e.g. this, i.e. that', 'for example this, that is that'],
  ['at 10:00 and 9:05', "at 10 o'clock and 9 oh 5"],
  ['No. 5', 'number 5'],
  ['No. I will not', 'No. I will not'],
  ['Louis XIV and Henry V', 'Louis the fourteenth and Henry the fifth'],
  ['Chapter IV', 'Chapter 4'],
  ['World War II', 'World War 2'],
  ['Then I went', 'Then I went'],
  ['$5.50 and £3.01', '5 dollars and 50 cents and 3 pounds and 1 penny'],
  ['1,250.75', '1250.75'],
  ['in 1605, in 1984', 'in 16 oh 5, in 19 84'],
  ['in 2005', 'in 2005'],
  ['6 ft. and 1 km', '6 feet and 1 kilometre'],
  ['pp. 10-12', 'pages 10 to 12']
]

t.test('Spanish', async t => {
  for (const [written, spoken] of SPANISH) t.equal(verbalise(written, 'es-MX').text, spoken, written)
})

t.test('English', async t => {
  for (const [written, spoken] of ENGLISH) t.equal(verbalise(written, 'en-US').text, spoken, written)
})

t.test('regions write thousands and $ their own way', async t => {
  t.equal(verbalise('$1,250', 'es-MX').text, '1250 pesos')
  t.equal(verbalise('$5', 'es-ES').text, '5 dólares')
  t.equal(verbalise('1,250 litros', 'es-ES').text, '1,250 litros', 'a Castilian comma is a decimal one')
})

t.test('each word still knows where it stood', async t => {
  const written = 'La Dra. Ruiz vive a 10 km del n.º 5 de EE. UU. y Luis XIV, no.'
  const spoken = verbalise(written, 'es-MX')
  const places = [
    ['doctora', 'Dra.'],
    ['Ruiz', 'Ruiz'],
    ['kilómetros', 'km'],
    ['número', 'n.º'],
    ['Estados', 'EE.'],
    ['14', 'XIV'],
    ['no.', 'no.']
  ] as const
  for (const [word, source] of places) {
    t.equal(spoken.origin(spoken.text.indexOf(word)), written.indexOf(source), word)
  }
  t.equal(spoken.origin(spoken.text.length + 5), written.length - 1, 'past the end')
})

t.test('origins never go back, whatever the text', async t => {
  for (const [written] of [...SPANISH, ...ENGLISH]) {
    const spoken = verbalise(written, 'es-ES')
    const origins = Array.from({ length: spoken.text.length }, (_, index) => spoken.origin(index))
    t.strictSame(
      origins,
      origins.toSorted((a, b) => a - b),
      written
    )
    t.ok(
      origins.every(origin => origin >= 0 && origin < written.length),
      written
    )
  }
})

t.test('a text without a letter or digit is a pause', async t => {
  for (const text of ['', '* * *', '—', '…', '¿?', '«»', '💬']) {
    t.equal(isSpeakable(text), false, text)
    t.equal(verbalise(text, 'es-MX').text, '', text)
  }
  t.ok(isSpeakable('—Sí'))
})

t.test('a hostile sentence takes no time', async t => {
  const started = performance.now()
  for (const piece of ['1.', 'XIV ', 'Sr. ', '10:30 ', 'a/', '1 000 ', 'p. ej. ', '- ']) {
    verbalise(piece.repeat(Math.ceil(1500 / piece.length)), 'es-MX')
    verbalise(piece.repeat(Math.ceil(1500 / piece.length)), 'en-US')
  }
  t.ok(performance.now() - started < 2000)
})
