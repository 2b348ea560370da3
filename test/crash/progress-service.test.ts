import t from 'tap'
import { crash } from './progress-stage.js'

crash(t, 'kill -9 of a copy', {
  short: 1,
  long: 200,
  fault: async (scene, random) => {
    const victim = random() < 0.5 ? 0 : 1
    await scene.services[victim]?.kill()
    scene.services[victim] = await scene.start()
  }
})
