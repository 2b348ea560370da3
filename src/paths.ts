import path from 'node:path'

/** Folder that holds the source, `src/` under tsx and `dist/src/` after the build: both have the same shape. */
const sourceFolder = import.meta.dirname

/** Extension of the running code: workers and child processes are started from the same tree as their parent. */
const extension = path.extname(import.meta.filename)

/** Absolute path of a file that is not code, e.g. `asset('db/migrations')`; the build copies them beside the code. */
export const asset = (relative: string): string => path.join(sourceFolder, relative)

/** Absolute path of a worker's or child process's entry, e.g. `entry('speech/espeak-process')`. */
export const entry = (relative: string): string => path.join(sourceFolder, relative + extension)
