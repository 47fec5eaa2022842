// Measures face-api in Node on a list of photos: decode, detect (SSD), landmarks
// (68) and descriptor of the largest face, one after the other, on one thread.
// Usage: node faceapi.mjs wasm|cpu LIST OUT.json — LIST holds a file per line.
// CPU times are of the whole process, so that a busy machine does not count.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const require = createRequire(import.meta.url);
const [backend, list, out] = process.argv.slice(2);
if (!['wasm', 'cpu'].includes(backend) || !out) {
  console.error('usage: node faceapi.mjs wasm|cpu LIST OUT.json');
  process.exit(2);
}
const tf = require('@tensorflow/tfjs');
const wasm = require('@tensorflow/tfjs-backend-wasm');
const faceapi = require('@vladmandic/face-api/dist/face-api.node-wasm.js');
const sharp = require('sharp');

const folder = (name) => path.dirname(require.resolve(`${name}/package.json`));
sharp.concurrency(1);
sharp.cache(false);
// One thread: the threaded binary spawns workers even when it is given one.
tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
wasm.setWasmPaths(path.join(folder('@tensorflow/tfjs-backend-wasm'), 'dist') + path.sep);
if (!(await tf.setBackend(backend))) throw new Error(`no backend ${backend}`);
await tf.ready();
const models = path.join(folder('@vladmandic/face-api'), 'model');
await faceapi.nets.ssdMobilenetv1.loadFromDisk(models);
await faceapi.nets.faceLandmark68Net.loadFromDisk(models);
await faceapi.nets.faceRecognitionNet.loadFromDisk(models);
// .5 is face-api's own default.
const options = new faceapi.SsdMobilenetv1Options({ minConfidence: 0.5, maxResults: 100 });

// The chain detectAllFaces().withFaceLandmarks().withFaceDescriptors() in its
// parts, for the largest face alone: what ours does as well.
async function one(bytes, stages) {
  let last = process.cpuUsage();
  const lap = (stage) => {
    const used = process.cpuUsage(last);
    if (stages) stages[stage] = (stages[stage] ?? 0) + (used.user + used.system) / 1e6;
    last = process.cpuUsage();
  };
  const { data, info } = await sharp(bytes).rotate().toColourspace('srgb').removeAlpha().raw().toBuffer({ resolveWithObject: true });
  lap('decode');
  const image = tf.tensor3d(data, [info.height, info.width, info.channels], 'int32');
  try {
    const faces = await faceapi.detectAllFaces(image, options);
    lap('detect');
    if (!faces.length) return { faces: 0 };
    const detection = faces.reduce((a, b) => (b.box.area > a.box.area ? b : a));
    const [crop] = await faceapi.extractFaceTensors(image, [detection]);
    const points = await faceapi.nets.faceLandmark68Net.detectLandmarks(crop);
    crop.dispose();
    const { alignedRect } = faceapi.extendWithFaceLandmarks({ detection }, points);
    lap('landmarks');
    const [chip] = await faceapi.extractFaceTensors(image, [alignedRect]);
    const descriptor = await faceapi.nets.faceRecognitionNet.computeFaceDescriptor(chip);
    chip.dispose();
    lap('embed');
    return { faces: faces.length, embedding: Array.from(descriptor) };
  } finally {
    image.dispose();
  }
}

const files = readFileSync(list, 'utf8').split('\n').filter(Boolean);
const bytes = files.map((f) => readFileSync(f));
await one(bytes[0]); // warm
const stages = {};
const results = [];
const cpu = process.cpuUsage();
const start = process.hrtime.bigint();
for (const b of bytes) results.push(await one(b, stages));
const wall = Number(process.hrtime.bigint() - start) / 1e9;
const used = process.cpuUsage(cpu);
writeFileSync(out, JSON.stringify({
  versions: { 'face-api': faceapi.version, tfjs: tf.version_core, sharp: sharp.versions.sharp ?? '', node: process.versions.node },
  backend: tf.getBackend(),
  simd: backend === 'wasm' ? await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT') : undefined,
  threads: 1,
  wall_s: wall,
  cpu_s: (used.user + used.system) / 1e6,
  stages,
  results,
}));
