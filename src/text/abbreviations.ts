const words = (list: string): ReadonlySet<string> => new Set(list.split(/\s+/))

/** Abbreviations that something always follows: titles, parts of addresses and of names, "for example". */
const ALWAYS_FOLLOWED = words(`sr sra srta sres sras dr dra dres dras dña dª prof profa lic licdo ing arq gral gen cnel
  cmdte capt sgto tte fr fray mons card rvdo rvda rev hno hna sto sta ntra ntro ilmo ilma excmo excma emmo mª fco
  mr mrs ms messrs mx st mt lt col sgt cpl hon pres gov sen rep avda av ctra pza plza urb ej e.g i.e cf vs approx aprox`)

/** Abbreviations that belong to a number when one follows: `cap. 2`, `s. XIX`, `No. 5`, `15 oct. 2020`. */
const BEFORE_NUMBER = words(`art arts cap caps cáp ch chap pág págs pag pags p pp vol vols núm núms num nos nn n t tom
  fig figs lám láms ilustr ed eds s ss sec secc sect fol fols f ff col cols v vv vers lib libr tel tfno teléf apdo
  c ca máx mín max min exp ref párr párrs doc disp ley op kv bwv ene feb abr jun jul ago sep sept oct nov dic jan apr
  aug dec`)

/** Words that begin sentences and hardly ever names: after initials and `U.S.` they show that a new sentence begins. */
const SENTENCE_STARTERS =
  words(`a al algunos allí ambos antes aquel aquella aquellos aquí así aun aunque ayer bueno cada
  casi como con cuando cuanto dado desde después dijo donde durante el él ella ellas ellos en entonces era es esa esas
  ese eso esos esta estaba estas este esto estos está fue ha había hasta hay hoy la las le les lo los luego mas más
  mi mientras mis mucho muchos nada nadie ni no nos nosotros nuestra nuestro nunca o otra otro otros para pero
  poco por porque pues que quien se según ser si sí siempre sin sino sobre son su sus tal también tampoco tan tanto te
  tenía tiene toda todas todo todos tras tu tú un una unas unos usted y ya yo an and another as at because before both
  but by did do does during each even every few for from had has he her here hers his how however if in into is it its
  just later many most my never nobody nor not nothing now of on once one only or our out over perhaps she since so some
  soon still such than that the their them then there these they this those though through thus to today too under
  until was we were what when where which while who why with would yes yet you your`)

/** What may stand between the space after a stop and the first letter of the next sentence. */
const OPENING = /^(?:[¿¡«»“‘"'([{—–\-\s]|\.{2,}|…)+/
const NUMBER = /^(?:\d|[IVXLCDM]{1,8}(?!\p{L}))/u
/** One capital or several with stops between them: `J`, `J.-P`, `U.S.A`. */
const INITIALS = /^(?:\p{Lu}\.-?)*\p{Lu}$/u
/** Everything since the sentence began is its number: `1`, `2.3`, `IV`. */
const ENUMERATION = /^[¿¡«“"'([—–\-\s]*(?:\d{1,3}(?:\.\d{1,3})*|[IVXLC]{1,7})$/
/** A numeral that looks like an initial: `Capítulo V`. */
const NUMBERED = /(?<!\p{L})(?:capítulo|parte|libro|tomo|acto|escena|canto|chapter|part|book|act|scene)\s[IVXLCDM]$/iu
/** A doubled capital stands for a plural: `EE. UU.`, `FF. AA.`, `SS. MM.` */
const PLURAL = /^(\p{Lu})\1$/u
const PLURAL_SECOND = /^(\p{Lu})\1(?!\p{L})/u
/** `a. C.`, `d. C.`, `a. de C.`, `a. J. C.`: what follows their first and what stands before their last letter. */
const CHRIST = /^(?:J\.\s?)?C\./
const BEFORE_CHRIST = /(?<!\p{L})[ad]\.\s?(?:de\s|J\.\s?)?C$/u

/** The text after a stop without quotes, dashes and brackets: its first character tells how the text goes on. */
export const withoutOpening = (after: string): string => after.replace(OPENING, '')

/**
 * Whether a single stop belongs to an abbreviation, initial or number that the sentence goes on after.
 * @param before the end of the sentence so far, without the stop; some 24 code units are enough.
 * @param after what follows the stop, without white space and `withoutOpening`; not in lower case.
 */
export function isAbbreviation(before: string, after: string): boolean {
  const token = /[^\s¿¡«“‘"'([{—–]*$/.exec(before)?.[0] ?? ''
  const key = token.toLowerCase()
  if (ALWAYS_FOLLOWED.has(key) || ENUMERATION.test(before)) return true
  if (key === 'no') return /^\d/.test(after)
  if (BEFORE_NUMBER.has(key) && NUMBER.test(after)) return true
  if (PLURAL.test(token)) return PLURAL_SECOND.test(after)
  if ((key === 'a' || key === 'd') && CHRIST.test(after)) return true
  return INITIALS.test(token) && !NUMBERED.test(before) && !BEFORE_CHRIST.test(before) && !beginsSentence(after)
}

const beginsSentence = (after: string): boolean =>
  SENTENCE_STARTERS.has(/^\p{L}*/u.exec(after)?.[0].toLowerCase() ?? '')
