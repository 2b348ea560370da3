/** Entry of the child process: the only place where eSpeak NG (GPL-3.0) is loaded. */
import { serveTasks } from './child-service.js'
import { recite, type RecitalTask } from './espeak-recital.js'
import { EspeakSynthesiser } from './espeak-synthesiser.js'

const synthesiser = EspeakSynthesiser.load()
// A failed start is told by the first answer.
synthesiser.catch(() => undefined)

serveTasks(async (task: RecitalTask) => recite(task, await synthesiser))
