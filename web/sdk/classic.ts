// dist/faceproof.js: a classic script that sets window.faceproof.

import { make } from './sdk';

const script = document.currentScript as HTMLScriptElement | null;
(window as unknown as { faceproof: unknown }).faceproof = make(script?.src ?? '');
