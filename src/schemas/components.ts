import { Deletion, KeyPage, StoredValue } from './admin.js'
import { CacheReport } from './cache-report.js'
import { BookAudios, QuickStart, QuickStartResult, SegmentAudioInfo } from './audio.js'
import { Book, BookChanges, BookList, NewBook, NewBookForm, SegmentList } from './books.js'
import { Alive, Health } from './health.js'
import { Problem } from './problem.js'
import {
  ProgressBatch,
  ProgressBatchResult,
  ProgressHistory,
  ProgressOrNull,
  ProgressResult,
  ProgressUpdate,
  RecentBooks
} from './progress.js'
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
  ProgressBatch,
  ProgressBatchResult,
  ProgressHistory,
  ProgressOrNull,
  ProgressResult,
  ProgressUpdate,
  QuickStart,
  QuickStartResult,
  RecentBooks,
  SegmentAudioInfo,
  SegmentList,
  StoredValue,
  Voice,
  VoiceList
]
