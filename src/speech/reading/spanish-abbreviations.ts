import type { ReadingRule } from './mapped-text.js'

const beforeName = String.raw`(?=\s\p{Lu})`
const beforeNumber = String.raw`(?=\s?[\dIVXLC])`

/** Pattern source, what is said. A point is part of each; a word must not go on to the left. */
const ABBREVIATIONS: readonly (readonly [string, string])[] = [
  ['Sr', 'señor'],
  ['Sra', 'señora'],
  ['Srta', 'señorita'],
  ['S(?:re|r)s', 'señores'],
  ['Sras', 'señoras'],
  ['Dr', 'doctor'],
  ['Dra', 'doctora'],
  ['D(?:re|r)s', 'doctores'],
  ['(?:Ud|Vd)', 'usted'],
  ['(?:Uds|Vds)', 'ustedes'],
  ['Prof', 'profesor'],
  ['Profa', 'profesora'],
  ['Lic', 'licenciado'],
  ['Ing', 'ingeniero'],
  ['Arq', 'arquitecto'],
  ['Gral', 'general'],
  ['Cnel', 'coronel'],
  ['Tte', 'teniente'],
  ['Sto', 'santo'],
  ['Sta', 'santa'],
  ['Mons', 'monseñor'],
  ['Ex?cmo', 'excelentísimo'],
  ['Ex?cma', 'excelentísima'],
  ['Ilmo', 'ilustrísimo'],
  ['Ilma', 'ilustrísima'],
  ['Hnos', 'hermanos'],
  ['C[ií]a', 'compañía'],
  ['(?:Avda|Av|avda)', 'avenida'],
  ['(?:Pza|Plza|pza)', 'plaza'],
  ['etc', 'etcétera'],
  ['[Aa]prox', 'aproximadamente'],
  ['máx', 'máximo'],
  ['mín', 'mínimo'],
  ['[Tt](?:el|fno|eléf)', 'teléfono'],
  ['[Pp]ágs', 'páginas'],
  ['[Pp]ág', 'página'],
  ['[Nn]úms', 'números'],
  ['[Nn]úm', 'número'],
  ['[Cc]aps', 'capítulos'],
  [String.raw`[Cc]ap(?=\.\s?[\dIVXLC])`, 'capítulo'],
  ['[Vv]ols', 'volúmenes'],
  ['[Vv]ol', 'volumen'],
  ['[Aa]rts', 'artículos'],
  ['[Aa]rt', 'artículo'],
  ['[Ff]ig', 'figura'],
  ['[Cc]fr?', 'confróntese'],
  ['[Aa]dmón', 'administración'],
  ['[Dd]pto', 'departamento']
]

/** Those that have more than one point, or a meaning only in their place. */
const PHRASES: readonly ReadingRule[] = [
  [/(?<!\p{L})(?:EE\.\s?UU\.(?:\s?AA?\.)?|EE\s?UU|EEUU)(?!\p{L})/gu, 'Estados Unidos'],
  [/(?<!\p{L})[Pp]\.\s?ej\./gu, 'por ejemplo'],
  [/(?<=\d)\s?a\.\s?m\.(?!\p{L})/giu, ' a eme'],
  [/(?<=\d)\s?p\.\s?m\.(?!\p{L})/giu, ' pe eme'],
  [/(?<!\p{L})a\.\s?(?:de\s)?C\./gu, 'antes de Cristo'],
  [/(?<!\p{L})d\.\s?(?:de\s)?C\./gu, 'después de Cristo'],
  [/(?<!\p{L})q\.\s?e\.\s?p\.\s?d\./gu, 'que en paz descanse'],
  [/(?<!\p{L})P\.\s?D\.(?=\s?[:\p{Lu}])/gu, 'posdata'],
  [/(?<!\p{L})S\.\s?M\./gu, 'su majestad'],
  [/(?<!\p{L})SS\.\s?MM\./gu, 'sus majestades'],
  [/(?<!\p{L})S\.\s?A\.\s?R\./gu, 'su alteza real'],
  [/(?<!\p{L})V\.\s?M\./gu, 'vuestra merced'],
  [/(?<!\p{L})D\.ª|(?<!\p{L})D(?:ña\.|ª)/gu, 'doña'],
  [new RegExp(String.raw`(?<!\p{L}|\p{Lu}\.\s?)D\.${beforeName}(?!\s\p{Lu}\.)`, 'gu'), 'don'],
  [new RegExp(String.raw`(?<!\p{L})Fr\.${beforeName}`, 'gu'), 'fray'],
  [new RegExp(String.raw`(?<!\p{L})Cap\.(?=\s\p{Lu}\p{Ll})`, 'gu'), 'capitán'],
  [/(?<!\p{L})C\/\s?(?=\p{L})/gu, 'calle '],
  [/(?<!\p{L})[Nn](?:\.[ºo°]|[º°])s?(?=\s?\d)\s?/gu, 'número '],
  [/(?<!\p{L})N\.\s?B\./gu, 'nota bene'],
  [new RegExp(String.raw`(?<!\p{L})pp\.${beforeNumber}`, 'gu'), 'páginas'],
  [new RegExp(String.raw`(?<!\p{L})p\.${beforeNumber}`, 'gu'), 'página'],
  [new RegExp(String.raw`(?<!\p{L})t\.${beforeNumber}`, 'gu'), 'tomo'],
  [new RegExp(String.raw`(?<!\p{L})[Ss]s?\.(?=\s[IVX])`, 'gu'), 'siglo'],
  [/(?<=\d\sy\s)ss\./gu, 'siguientes']
]

/** Spanish abbreviations in words. */
export const SPANISH_ABBREVIATIONS: readonly ReadingRule[] = [
  ...PHRASES,
  ...ABBREVIATIONS.map(([source, spoken]): ReadingRule => [new RegExp(String.raw`(?<!\p{L})${source}\.`, 'gu'), spoken])
]
