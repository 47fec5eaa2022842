// dist/faceproof.mjs: the ES module.

import { make } from './sdk';

const faceproof = make(import.meta.url);

export const { version, wx, configure, install } = faceproof;
export default faceproof;
