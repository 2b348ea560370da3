import type { Readable } from 'node:stream'

/** What is known of a stored audio without reading it again. */
export interface AudioFacts {
  bytes: number
  /** SHA-256 of the bytes, lower-case hexadecimal: the ETag. */
  sha256: string
}

/** An audio opened for reading. */
export interface OpenAudio extends AudioFacts {
  /** All bytes, where they are in memory: then no stream is needed. */
  readonly content?: Buffer
  /** Streams the bytes from `start` to `end`, both included; closing the stream frees the file. */
  stream(start: number, end: number): Readable
  /** Frees the file when no stream was taken. */
  close(): Promise<void>
}

/** Bytes that are safe on disk under a temporary name that nobody can reach. */
export interface StagedAudio {
  /** Makes the bytes reachable under the name; false when that name is taken (nothing is overwritten). */
  publish(): Promise<boolean>
  /** Takes the name even when it is taken: only for whoever holds the audio's row at the current epoch. */
  replace(): Promise<void>
  /** Removes the temporary file; harmless after `publish` or `replace`. */
  discard(): Promise<void>
}

/** Role of the place where audio bytes live, named by the recipe's hash (`AUDIO_FILE` without its ending). */
export interface AudioStore {
  /** Writes and flushes the bytes under a temporary name. */
  stage(recipe: string, bytes: Uint8Array): Promise<StagedAudio>
  /** The audio, or null when there is none. */
  open(recipe: string): Promise<OpenAudio | null>
  /** All bytes of the audio, or null when there is none. */
  read(recipe: string): Promise<Buffer | null>
  /** Removes the audio; harmless when there is none. */
  remove(recipe: string): Promise<void>
  /** Removes temporary files that a crash left behind and that are older than an hour; resolves with their number. */
  sweep(): Promise<number>
}
