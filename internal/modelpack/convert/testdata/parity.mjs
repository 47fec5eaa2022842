// Runs one network of the npm packages in TensorFlow.js on its plain CPU
// backend, with no native code, and writes the outputs: what the converted ONNX
// file is compared with.
//
//   node parity.mjs NODE_MODULES NET INPUT OUTPUT
//
// NET is blazeface, facemesh or dlib-resnet. INPUT holds the float32 numbers of
// the network's input in NHWC order, OUTPUT gets the float32 numbers of the
// outputs one behind the other, in the order of the converted network.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

// The bundles carry the browser's half of TensorFlow.js only: they must not see
// that this is Node.
Object.defineProperty(process, 'versions', { value: { ...process.versions, node: undefined } });
globalThis.document = { createElement: () => ({ getContext: () => null }) };
globalThis.window = globalThis;
for (const name of ['HTMLImageElement', 'HTMLCanvasElement', 'HTMLVideoElement', 'ImageData', 'CanvasRenderingContext2D']) {
  globalThis[name] ??= class {};
}

const [, , modules, net, input, output] = process.argv;
const human = join(modules, '@vladmandic', 'human');
const faceapi = join(modules, '@vladmandic', 'face-api');
const load = (path) => import(pathToFileURL(path).href);
const numbers = (path) => {
  const b = readFileSync(path);
  return new Float32Array(b.buffer, b.byteOffset, b.byteLength / 4);
};

async function graph(name, side, outputs) {
  const tf = await load(join(human, 'dist', 'tfjs.esm.js'));
  await tf.setBackend('cpu');
  await tf.ready();
  const json = JSON.parse(readFileSync(join(human, 'models', `${name}.json`), 'utf8'));
  const bin = readFileSync(join(human, 'models', `${name}.bin`));
  const model = await tf.loadGraphModel({
    load: async () => ({
      ...json,
      weightSpecs: json.weightsManifest.flatMap((group) => group.weights),
      weightData: bin.buffer.slice(bin.byteOffset, bin.byteOffset + bin.byteLength),
    }),
  });
  const x = tf.tensor4d(numbers(input), [1, side, side, 3]);
  return model.execute(x, outputs).map((t) => t.dataSync());
}

async function faceRecognition() {
  const api = await load(join(faceapi, 'dist', 'face-api.esm.js'));
  await api.tf.setBackend('cpu');
  await api.tf.ready();
  const dir = join(faceapi, 'model', 'face_recognition_model');
  const groups = JSON.parse(readFileSync(`${dir}-weights_manifest.json`, 'utf8'));
  const bin = readFileSync(`${dir}.bin`);
  const weights = api.tf.io.decodeWeights(
    bin.buffer.slice(bin.byteOffset, bin.byteOffset + bin.byteLength), groups.flatMap((group) => group.weights));
  const model = new api.FaceRecognitionNet();
  model.loadFromWeightMap(weights);
  const x = api.tf.tensor4d(numbers(input), [1, 150, 150, 3]);
  return [(await model.forward(x)).dataSync()];
}

const nets = {
  blazeface: () => graph('blazeface', 256, ['Identity', 'Identity_2', 'Identity_1', 'Identity_3']),
  facemesh: () => graph('facemesh', 192, ['Identity_2', 'Identity_1']),
  'dlib-resnet': faceRecognition,
};
const results = await nets[net]();
writeFileSync(output, Buffer.concat(results.map((r) => Buffer.from(r.buffer, r.byteOffset, r.byteLength))));
