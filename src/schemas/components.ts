import { Deletion, KeyPage, StoredValue } from './admin.js'
import { CacheReport } from './cache-report.js'
import { BookAudios, QuickStart, QuickStartResult, SegmentAudioInfo } from './audio.js'
import { Book, BookChanges, BookList, NewBook, NewBookForm, SegmentList } from './books.js'
import { Alive, Health } from './health.js'
import { Problem } from './problem.js'
import { Voice, VoiceList } from './voices.js'

/** Every named shape of the wire; routes refer to them by `Type.Ref`, the description lists them under their names. */
export const components = [
  Alive,
  Book,
  BookAudios,
  BookChanges,
  BookList,
  CacheReport,
  Deletion,
  Health,
  KeyPage,
  NewBook,
  NewBookForm,
  Problem,
  QuickStart,
  QuickStartResult,
  SegmentAudioInfo,
  SegmentList,
  StoredValue,
  Voice,
  VoiceList
]
