/** Loudness of every segment: RMS over its voiced frames, dB below full scale. */
export const TARGET_RMS_DBFS = -19
/** No sample is louder than this, dB below full scale. */
export const PEAK_DBFS = -1.5
/** Above this level peaks are bent instead of cut, dB below full scale. */
const KNEE_DBFS = -5
/** Below this level a frame is a pause, dB below full scale; relative to the mean a second gate stands 10 dB below it (after ITU-R BS.1770). */
const GATE_DBFS = -55
const RELATIVE_GATE_DB = -10

const FULL_SCALE = 32_768
const amplitude = (dbfs: number) => FULL_SCALE * 10 ** (dbfs / 20)
const power = (dbfs: number) => amplitude(dbfs) ** 2

/** Brings a segment to the constant loudness, in place; silence stays as it is. One gain a segment keeps its dynamics. */
export function normaliseLoudness(pcm: Int16Array, sampleRate: number): void {
  const mean = voicedPower(pcm, Math.round(sampleRate / 50))
  if (mean === 0) return
  const gain = Math.sqrt(power(TARGET_RMS_DBFS) / mean)
  const knee = amplitude(KNEE_DBFS)
  const room = amplitude(PEAK_DBFS) - knee
  for (let index = 0; index < pcm.length; index++) {
    const value = (pcm[index] ?? 0) * gain
    const level = Math.abs(value)
    pcm[index] =
      level <= knee ? Math.round(value) : Math.sign(value) * Math.floor(knee + room * Math.tanh((level - knee) / room))
  }
}

/** Mean power of the frames that hold speech, 0 when none does. */
function voicedPower(pcm: Int16Array, frameLength: number): number {
  const powers: number[] = []
  for (let start = 0; start < pcm.length; start += frameLength) {
    const frame = pcm.subarray(start, start + frameLength)
    let sum = 0
    for (const sample of frame) sum += sample * sample
    powers.push(sum / frame.length)
  }
  const audible = powers.filter(value => value > power(GATE_DBFS))
  const gate = mean(audible) * 10 ** (RELATIVE_GATE_DB / 10)
  return mean(audible.filter(value => value > gate))
}

const mean = (values: readonly number[]) =>
  values.length === 0 ? 0 : values.reduce((a, b) => a + b, 0) / values.length

/** Below this level the ends of a phrase are the engine's own silence, of its raw scale. */
const TRIM_LEVEL = 48

/** Where the sound of a phrase begins and ends, so that the pauses around it are the meant ones. */
export function soundOf(pcm: Int16Array): { start: number; end: number } {
  let start = 0
  let end = pcm.length
  while (start < end && Math.abs(pcm[start] ?? 0) < TRIM_LEVEL) start++
  while (end > start && Math.abs(pcm[end - 1] ?? 0) < TRIM_LEVEL) end--
  return { start, end }
}
