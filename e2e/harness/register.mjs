// Registers a person with frames of the test camera, as the demo's page does.
import { cameraContext } from './camera.mjs';

/** Registers `who` (a portrait) under an identity; returns the demo's answer. */
export async function register(server, browser, who, identity, frames = 6) {
  const { context } = await cameraContext(browser, who, { seed: 1000, ambientLux: 300 });
  try {
    const page = await context.newPage();
    await page.route('**/demo/e2e-register.html', (r) => r.fulfill({ contentType: 'text/html', body: '<!doctype html><video muted></video>' }));
    await page.goto(`${server.url}/demo/e2e-register.html`);
    const answer = await page.evaluate(async ([n, identity]) => {
      const v = document.querySelector('video');
      v.srcObject = await navigator.mediaDevices.getUserMedia({ video: true });
      await v.play();
      await new Promise((r) => setTimeout(r, 600)); // exposure settles
      const c = Object.assign(document.createElement('canvas'), { width: v.videoWidth, height: v.videoHeight });
      const pictures = [];
      for (let i = 0; i < n; i++) {
        await new Promise((r) => setTimeout(r, 150));
        c.getContext('2d').drawImage(v, 0, 0);
        pictures.push(c.toDataURL('image/jpeg', 0.92));
      }
      const r = await fetch('/demo/api/register', {
        method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ ...identity, frames: pictures }),
      });
      return { status: r.status, body: await r.json() };
    }, [frames, identity]);
    if (answer.status !== 200) throw new Error(`registration refused: ${JSON.stringify(answer.body)}`);
    return answer.body;
  } finally {
    await context.close();
  }
}
