// The people in front of the test camera: faces in the demo photos of the npm
// package face-api, which models/npm installs. They are read where npm puts
// them and kept only under e2e/out, which git ignores.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { HEIGHT, WIDTH } from './assets.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
export const ROOT = path.resolve(here, '../..');
const PHOTOS = process.env.FACEPROOF_E2E_PHOTOS ?? path.join(ROOT, 'models/npm/node_modules/@vladmandic/face-api/demo');
const OUT = path.join(ROOT, 'e2e/out/portraits');

// Centre of the face and its width, in pixels of the photo, read off by eye;
// the crop makes the face 40 % of the picture's width.
const FACES = {
  a: { photo: 'sample6.jpg', x: 365, y: 612, width: 205 },
  b: { photo: 'sample6.jpg', x: 762, y: 484, width: 190 },
  c: { photo: 'sample3.jpg', x: 1190, y: 365, width: 235 },
  d: { photo: 'sample3.jpg', x: 692, y: 465, width: 205 },
};
export const PEOPLE = Object.keys(FACES);
const SHARE = 0.4, HEIGHT_OF_FACE = 0.47; // where the face's centre lies

/** A person's picture at the camera's size and the 468 landmarks with depth. */
export async function portrait(browser, name) {
  const f = FACES[name];
  if (!f) throw new Error(`no portrait ${name}; there are ${PEOPLE}`);
  const file = path.join(PHOTOS, f.photo);
  if (!existsSync(file)) throw new Error(`no demo photo ${file}: run make build first`);
  mkdirSync(OUT, { recursive: true });
  const tag = createHash('sha256').update(JSON.stringify([f, WIDTH, HEIGHT, SHARE])).digest('hex').slice(0, 12);
  const base = path.join(OUT, `${name}-${tag}`);
  if (!existsSync(`${base}.png`)) {
    const { rgb, png } = await crop(browser, file, f);
    writeFileSync(`${base}.rgb`, rgb);
    writeFileSync(`${base}.png`, png);
  }
  const rgb = new Uint8Array(readFileSync(`${base}.rgb`));
  if (!existsSync(`${base}.json`)) writeFileSync(`${base}.json`, JSON.stringify(await inspect(`${base}.png`)));
  const mesh = JSON.parse(readFileSync(`${base}.json`, 'utf8'));
  return { name, rgb, png: `${base}.png`, mesh };
}

/** Cuts one face out of a photo, in the browser (it has the decoder). */
async function crop(browser, file, f) {
  const page = await browser.newPage();
  try {
    const url = `data:image/jpeg;base64,${readFileSync(file).toString('base64')}`;
    const out = await page.evaluate(async ([src, box, W, H]) => {
      const img = new Image();
      img.src = src;
      await img.decode();
      const c = Object.assign(document.createElement('canvas'), { width: W, height: H });
      const g = c.getContext('2d', { willReadFrequently: true });
      g.fillStyle = '#777';
      g.fillRect(0, 0, W, H);
      g.imageSmoothingQuality = 'high';
      const s = W / box.w;
      g.drawImage(img, -box.x * s, -box.y * s, img.naturalWidth * s, img.naturalHeight * s);
      const d = g.getImageData(0, 0, W, H).data, rgb = new Uint8Array(W * H * 3);
      for (let i = 0, j = 0; j < d.length; i += 3, j += 4) rgb.set([d[j], d[j + 1], d[j + 2]], i);
      let bin = '';
      for (let i = 0; i < rgb.length; i += 8192) bin += String.fromCharCode(...rgb.subarray(i, i + 8192));
      return { rgb: btoa(bin), png: c.toDataURL('image/png').split(',')[1] };
    }, [url, box(f), WIDTH, HEIGHT]);
    return { rgb: Buffer.from(out.rgb, 'base64'), png: Buffer.from(out.png, 'base64') };
  } finally {
    await page.close();
  }
}

function box(f) {
  const w = f.width / SHARE, h = (w * HEIGHT) / WIDTH;
  return { x: f.x - w / 2, y: f.y - h * HEIGHT_OF_FACE, w, h };
}

const run = promisify(execFile);

/** Landmarks by the product's own engine: bin/faceproof inspect. */
async function inspect(png) {
  const bin = path.join(ROOT, 'bin/faceproof');
  if (!existsSync(bin)) throw new Error('no bin/faceproof: run make build');
  const data = process.env.FACEPROOF_DATA ?? 'data';
  const { stdout } = await run(bin, ['--data', path.resolve(ROOT, data), '--json', 'inspect', '--mesh', png], { cwd: ROOT, maxBuffer: 1 << 24 });
  return meshOf(JSON.parse(stdout));
}

/** The mesh of the largest face in the answer of faceproof inspect --json --mesh. */
export function meshOf(report) {
  const faces = (report.faces ?? []).filter((f) => f.mesh?.length === 468);
  if (faces.length === 0) throw new Error('faceproof inspect found no face with a mesh');
  return faces.reduce((a, f) => (f.box.w > a.box.w ? f : a)).mesh;
}
