import t from 'tap'
import { sentenceEnds, sentences } from '../../src/text/sentences.js'

/** Every `|` is a boundary: the cases are what a reader would do. */
const CASES = {
  'plain ends': ['Vino. |Vio. |Venció.', '¿Vienes? |¡Claro que sí! |Vamos.', 'Sin punto final', 'Uno.\n\n|Dos.'],
  titles: [
    'El Sr. García y la Sra. Ruiz llegaron. |Eran las tres.',
    'La Dra. Peña saludó al Dr. Soto. |Luego se fue.',
    'Vivía allí D. Quijote con Dña. Ana. |Nadie más.',
    'El Excmo. Sr. Alcalde habló. |Poco.',
    'Fray Luis y Fr. Gerundio. |Dos.',
    'D.ª Perfecta calló. |Y ya.',
    'Mr. Darcy met Mrs. Bennet. |They talked.',
    'Dr. Watson lived near St. Paul. |He wrote.',
    'Rev. Smith and Prof. Jones came. |Good.',
    'Rezó a Sto. Domingo y a Sta. Clara. |Amén.'
  ],
  'plurals of capitals': [
    'Viajó a EE. UU. con ella.',
    'Viajó a EE. UU. |Luego volvió.',
    'Los JJ. OO. de Atenas. |Fin.',
    'SS. MM. los Reyes llegaron. |Hubo fiesta.',
    'Vive en EE.UU. |Allí trabaja.'
  ],
  'hours and eras': [
    'A las 5 a. m. salió. |Y a las 3 p. m. volvió.',
    'Llegó a las 10.30. |Era tarde.',
    'Salió a las 5 p. m. |Luego llovió.',
    'Nació en el 50 a. C. y murió en el 10 d. C. en Roma.',
    'Murió en 50 d. C. |Luego, no.',
    'Eso fue en 44 a. C. |César murió.',
    'Desde el 300 a. de C. |Roma creció.',
    'We met at 5 p.m. |John left.',
    'It was 10 a.m. when he came.'
  ],
  numbers: [
    'Cuesta 1.250,75 euros. |Es caro.',
    'Pi vale 3.14 y e 2.71. |Más o menos.',
    'El n.º 5 ganó. |El n.º 6, no.',
    'Véase el art. 5.º de la ley. |Es claro.',
    'Véase cap. 2, pág. 31 y vol. III. |Allí está.',
    'En el s. XIX hubo guerras. |En el s. XX, más.',
    'See No. 5 and Fig. 3. |Done.',
    'Vio dos. |No. |Vio tres.',
    'Nació en 1605. |Murió joven.',
    'Son 25. |30 no caben.',
    'Capítulo 1. |De lo que pasó.',
    'Capítulo V. |De la graciosa plática.',
    'Reinó Felipe II. |Carlos nació antes.',
    'El 15 oct. 2020 nevó. |Mucho.'
  ],
  enumerations: ['1. Primero, comer.\n\n|2. Segundo, dormir.', 'IV. El regreso.', '2.1. Método. |Se midió todo.'],
  'for example': [
    'Frutas, p. ej. Peras y manzanas. |Y uvas.',
    'Peras, manzanas, etc. y uvas.',
    'Peras, manzanas, etc. |Luego vino el postre.',
    'Some, e.g. Paris, are big. |Others, i.e. Rome, too.',
    'Cf. Homero. |Y vs. Virgilio.'
  ],
  pronouns: ['¿Cómo está Ud.? |Bien, ¿y Vd.?', 'Se lo doy a Ud. |Guárdelo.'],
  initials: [
    'J. R. R. Tolkien escribió mucho. |Murió en 1973.',
    'Leyó a J.R.R. Tolkien. |Y a C. S. Lewis.',
    'J.-P. Sartre fumaba. |Siempre.',
    'The U.S. Army came. |It won.',
    'He lives in the U.S. |He likes it.',
    'Toma vitamina C. |Luego descansa.',
    'George W. Bush spoke. |Nobody listened.'
  ],
  addresses: [
    'Mira www.a.es/b.html y vuelve. |Gracias.',
    'Escribe a ana.ruiz@correo.es. |Contesta pronto.',
    'Abre notas.v2.txt ahora. |Ya.',
    'Está en la Avda. Constitución. |Al fondo.',
    'Ve a https://a.org/x?y=1.2. |Lee.'
  ],
  ellipses: [
    'Pues... no sé. |Quizá...',
    'Pues… no sé. |Quizá…',
    'Se fue... |Nadie lo vio.',
    'Y leía: ...los altos cielos. |Fin.',
    'Calló. |...Y luego habló.',
    'Esperó. . . y nada. |Nada.',
    'Dijo (...) que no. |Y ya.',
    'Terminó. |[...] Luego siguió.'
  ],
  dialogue: [
    '—Sí —dijo él—. |Vamos.',
    '—¿Vienes? —preguntó ella—. |Es tarde.',
    '—¡Vete! —gritó. |Y se fue.',
    '—Hola.\n\n|—Adiós.',
    '«¿Vienes?», dijo. |Calló.',
    'Dijo: «No quiero». |Y se fue.',
    'Dijo: «¿Qué quieres?». |Nada.',
    '«No quiero.» |Y se fue.',
    'He said "Go." |She went.',
    '“Really?” he asked. |“Yes.”',
    '(Véase más arriba.) |Sigamos.',
    "''¡Coméme!'' |Y comió.",
    '¿Qué es esto?, ¡oh, cielos!, dijo. |Nada.',
    'Es raro (?) que venga. |Mucho.'
  ],
  notes: ['Así fue.[12] |Después, no.', 'Así fue.³ |Después, no.'],
  verses: [
    'Nunca fuera caballero\n\nde damas tan bien servido\n\ncomo fuera don Quijote.\n\n|Calló.',
    'Les dijo:\n\n|— Nunca.',
    'TÍTULO DEL LIBRO\n\n|Era una noche.',
    'Fin.\n\n|y otra cosa'
  ]
}

for (const [name, cases] of Object.entries(CASES)) {
  t.test(name, async t => {
    for (const marked of cases) {
      const text = marked.replaceAll('|', '')
      const found = [...sentences(text)].map(({ start, end }) => text.slice(start, end))
      t.equal(found.join('|'), marked, marked)
    }
  })
}

t.test('the table is as large as it claims', async t => {
  t.ok(Object.values(CASES).flat().length >= 80)
})

t.test('the ends are the same wherever one starts', async t => {
  for (const marked of Object.values(CASES).flat()) {
    const text = marked.replaceAll('|', '')
    const all = [...sentenceEnds(text)]
    for (const { index: from } of text.matchAll(/\S/g)) {
      const later = all.filter(end => end > from)
      t.strictSame([...sentenceEnds(text, from)], later, `${text} from ${from}`)
    }
  }
})
