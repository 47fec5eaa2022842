// A browser context with the test camera in front of a person.
import { buildAssets, pack } from '../camera/assets.mjs';
import { initScript } from '../camera/install.js';
import { portrait } from '../camera/portraits.mjs';
import { createMicrophone } from '../camera/microphone.js';
import { createMouth } from '../camera/mouth.js';
import { createRenderer, createReplay } from '../camera/renderer.js';
import { packSpeech, speech } from '../camera/speech.mjs';
import { createSplicer } from '../camera/splicer.js';
import { createTalker } from '../camera/talker.js';
import { DEVICES } from './browser.mjs';

const PARTS = { createRenderer, createReplay, createSplicer, createMouth, createTalker, createMicrophone };
const portraits = new Map();

/** The portrait of a person, prepared once. */
export async function portraitOf(browser, who) {
  if (typeof who !== 'string') return who; // a drawn one
  if (!portraits.has(who)) portraits.set(who, portrait(browser, who));
  return portraits.get(who);
}

/**
 * A context whose camera sees `who` with the parameters of camera/assets.mjs
 * (mode, seed, latencyMs, ambientLux, screen, reads …), or none: {deny: 'NotAllowedError'}.
 */
export async function cameraContext(browser, who, given = {}, options = {}) {
  const screen = given.screen ?? 'phone';
  // Pages that a test makes up count as public to Chromium, and a public page
  // needs this permission to open a socket to localhost.
  const context = await browser.newContext({ ...DEVICES[screen], locale: 'zh-CN', permissions: ['local-network-access'], ...options });
  let config;
  let parameters = null;
  if (given.deny) config = { deny: given.deny };
  else {
    const assets = buildAssets(await portraitOf(browser, who), given);
    parameters = assets.p;
    config = { assets: pack(assets), speech: parameters.reads ? await spoken(parameters.reads) : null };
  }
  await context.addInitScript({ content: initScript(config, PARTS) });
  return { context, parameters };
}

async function spoken(reads) {
  const sound = await speech(reads.voice, reads.lang);
  return packSpeech(reads, sound, reads.mouthVoice ? await speech(reads.mouthVoice, reads.lang) : sound);
}
