// The page's side: replaces the browser's camera and microphone. The camera looks
// at nothing but the canvas marked data-flash-surface and the plate under the
// digits, as a lens would; who reads looks at the digits.

/** Runs in the page before its scripts. config: {assets, speech, deny}; parts: see initScript. */
export function installCamera(config, parts) {
  const { createRenderer, createReplay, createSplicer, createMouth, createTalker, createMicrophone } = parts;
  const media = navigator.mediaDevices ?? (navigator.mediaDevices = {});
  const stats = (window.__camera = { frames: 0, renderMs: 0, samples: 0, asked: 0, heard: 0, said: [] });
  const deviceOf = (deviceId, kind, label) => ({
    deviceId, groupId: 'test', kind, label,
    toJSON() { return { deviceId, groupId: 'test', kind, label }; },
  });
  const device = deviceOf('testcamera', 'videoinput', 'Test camera (front)');
  const hears = config.speech && config.speech.sound.kind !== 'missing';
  const devices = [device, ...(hears ? [deviceOf('testmicrophone', 'audioinput', 'Test microphone')] : [])];
  media.enumerateDevices = async () => (config.deny === 'NotFoundError' ? [] : devices);
  if (config.deny) {
    media.getUserMedia = async () => {
      stats.asked++;
      throw new DOMException('test camera', config.deny);
    };
    return;
  }
  const decode = (s) => Uint8Array.from(atob(s), (ch) => ch.charCodeAt(0)).buffer;
  let camera = null;
  const { speech } = config;
  const talker = speech && createTalker(speech.reads, speech.mouths, speech.ms, speech.stepMs);
  const microphone = speech && createMicrophone(speech.sound, decode);

  const start = () => {
    const a = config.assets, { width: W, height: H, bands } = a;
    const r = createRenderer(a, decode);
    const replay = a.other ? createReplay(a.other, bands) : null;
    const mouth = a.mouth && talker ? createMouth(a.mouth, r.photo, W, a.p.face, a.p.seed) : null;
    const splicer = a.library ? createSplicer(a.library, bands, r.film, a.p.latencyMs) : null;
    const canvas = (w, h) => Object.assign(document.createElement('canvas'), { width: w, height: h });
    const OW = Math.round(W * a.out), OH = Math.round(H * a.out);
    const out = canvas(OW, OH), person = canvas(W, H), room = canvas(W / 2, H / 2);
    const oc = out.getContext('2d', { alpha: false }), pc = person.getContext('2d'), rc = room.getContext('2d', { alpha: false });
    const pd = new ImageData(r.fg, W, H), rd = new ImageData(r.bg, W / 2, H / 2);
    const eye = canvas(4 * bands, 1), ec = eye.getContext('2d', { willReadFrequently: true, alpha: false });
    ec.imageSmoothingEnabled = false;
    const linear = new Float32Array(256).map((_, i) => (i / 255 <= 0.04045 ? i / 255 / 12.92 : ((i / 255 + 0.055) / 1.055) ** 2.4));

    // The surface may lie in an open shadow root; a lens sees through that.
    const within = (root) => {
      const hit = root.querySelector('canvas[data-flash-surface]');
      if (hit) return hit;
      for (const el of root.querySelectorAll('*')) {
        const deep = el.shadowRoot && within(el.shadowRoot);
        if (deep) return deep;
      }
      return null;
    };
    let surface = null, searched = 0;
    // The SDK's own elements are in the shadow root that the surface is slotted into.
    const beside = (id) => {
      const el = surface?.isConnected ? surface.parentElement?.shadowRoot?.querySelector(`[data-testid="${id}"]`) : null;
      return el?.checkVisibility?.({ visibilityProperty: true, opacityProperty: true }) === false ? null : el;
    };
    // The digits that a person reads off the page; the progress tells one 7 from the next.
    const prompt = (plate) => {
      const digits = plate?.textContent.replace(/\D/g, '') ?? '';
      return digits ? { key: `${beside('fp-progress')?.textContent} ${digits}`, digits } : null;
    };
    // The white plate under the digits lights the face too: mixes its share into each band.
    const lay = (shown, plate) => {
      const a = surface.getBoundingClientRect(), b = plate.getBoundingClientRect(), along = a.width > a.height;
      const share = (lo, hi, from, to) => Math.max(0, Math.min(hi, to) - Math.max(lo, from)) / (hi - lo);
      const across = along ? share(a.top, a.bottom, b.top, b.bottom) : share(a.left, a.right, b.left, b.right);
      const [lo, size, from, to] = along ? [a.left, a.width, b.left, b.right] : [a.top, a.height, b.top, b.bottom];
      for (let i = 0; i < bands; i++) {
        const k = across * share(lo + (i * size) / bands, lo + ((i + 1) * size) / bands, from, to);
        for (let c = 0; c < 3; c++) shown[i * 3 + c] += (0.85 - shown[i * 3 + c]) * k; // black ink on white
      }
    };
    const listen = (t, plate) => {
      if (!talker) return;
      talker.see(t, prompt(plate));
      for (const word of talker.due(t)) {
        microphone.say(word.digit, word.at);
        stats.said.push(word);
      }
    };
    const look = () => {
      requestAnimationFrame(look);
      if (!surface?.isConnected && searched++ % 6 === 0) surface = within(document);
      const plate = beside('fp-digit');
      let shown = new Float32Array(bands * 3).fill(0.5); // a white page, dimmed by its text and pictures
      if (surface?.isConnected && surface.width > 0 && surface.height > 0 && surface.checkVisibility?.({ visibilityProperty: true }) !== false) {
        const along = surface.width > surface.height;
        const n = 4 * bands;
        if (along) ec.drawImage(surface, 0, surface.height >> 1, surface.width, 1, 0, 0, n, 1);
        else {
          ec.setTransform(0, 1, 1, 0, 0, 0); // turn the long axis onto the row
          ec.drawImage(surface, surface.width >> 1, 0, 1, surface.height, 0, 0, 1, n);
          ec.setTransform(1, 0, 0, 1, 0, 0);
        }
        const d = ec.getImageData(0, 0, n, 1).data;
        shown = new Float32Array(bands * 3);
        for (let i = 0; i < n; i++) for (let c = 0; c < 3; c++) shown[((i / 4) | 0) * 3 + c] += linear[d[i * 4 + c]] / 4;
        if (plate) lay(shown, plate);
      }
      const t = performance.now();
      listen(t, plate);
      stats.samples++;
      splicer?.see(t, shown);
      r.light(t, splicer ? splicer.neutral : replay ? replay(t, shown) : shown);
    };
    look();

    let track = null;
    const draw = () => {
      if (track?.readyState === 'ended') return; // nobody looks
      const t = performance.now();
      mouth?.draw(talker.opening(t), talker.covered(t));
      const clip = splicer?.at(t);
      const m = clip ? r.show(clip) : r.render(t);
      rc.putImageData(rd, 0, 0);
      pc.putImageData(pd, 0, 0);
      oc.setTransform(1, 0, 0, 1, 0, 0);
      oc.drawImage(room, 0, 0, OW, OH);
      // A sheet moves as a whole; a little larger so that its edge stays outside.
      const s = a.out * (a.sheet ? 1.05 : 1) * (1 + m.s), co = s * Math.cos(m.r), si = s * Math.sin(m.r);
      oc.setTransform(co, si, -si, co, OW / 2 + m.x - (co * W - si * H) / 2, OH / 2 + m.y - (si * W + co * H) / 2);
      oc.drawImage(person, 0, 0);
      track?.requestFrame?.();
      stats.frames++;
      stats.renderMs += performance.now() - t;
    };
    draw();
    setInterval(draw, 1000 / a.p.fps);
    return () => {
      const stream = out.captureStream(0);
      track = stream.getVideoTracks()[0];
      Object.defineProperty(track, 'label', { value: device.label });
      const settings = track.getSettings.bind(track);
      track.getSettings = () => ({ ...settings(), deviceId: device.deviceId, frameRate: a.p.fps, facingMode: 'user' });
      draw();
      return stream;
    };
  };

  media.getUserMedia = async (constraints) => {
    if (!constraints?.video && !(constraints?.audio && microphone)) {
      stats.asked++;
      throw new DOMException('test camera', 'NotFoundError');
    }
    const tracks = [];
    if (constraints.audio) {
      stats.heard++;
      tracks.push(...(await microphone.open()).getTracks());
    }
    if (constraints.video) {
      stats.asked++;
      camera ??= start();
      tracks.push(...camera().getTracks());
    }
    return new MediaStream(tracks);
  };
}

/** The text of the init script for Playwright's addInitScript({content}); parts: {createRenderer, createReplay, …}. */
export function initScript(config, parts) {
  const text = Object.entries(parts).map(([name, f]) => `${name}: ${f}`).join(', ');
  return `(${installCamera})(${JSON.stringify(config)}, {${text}});`;
}
