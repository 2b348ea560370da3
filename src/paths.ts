import path from 'node:path'

/** Folder that holds the source, `src/` under tsx and `dist/src/` after the build: both have the same shape. */
const sourceFolder = import.meta.dirname

/** Extension of the running code: workers and child processes are started from the same tree as their parent. */
const extension = path.extname(import.meta.filename)

/** Absolute path of a file that is not code, e.g. `asset('db/migrations')`; the build copies them beside the code. */
export const asset = (relative: string): string => path.join(sourceFolder, relative)

/** Absolute path of a worker's or child process's entry, e.g. `entry('speech/espeak-process')`. */
export const entry = (relative: string): string => path.join(sourceFolder, relative + extension)

/**
 * What a worker thread is started with. By default it inherits the arguments of Node; handed on by name, those of V8
 * (`--max-old-space-size`) would be refused. Under tsx (development, tests) the thread registers the hooks itself: tsx
 * does so in main threads only (privatenumber/tsx#354), and without them the thread ends with ERR_UNKNOWN_FILE_EXTENSION.
 */
export function threadOptions(): { execArgv?: string[] } {
  if (extension !== '.ts') return {}
  const api = JSON.stringify(import.meta.resolve('tsx/esm/api'))
  return { execArgv: ['--import', `data:text/javascript,import{register}from${api};register()`] }
}
