// What a browser can say about its camera without saying whose it is: the class
// of its name, not the name. Nothing here is proof: whoever controls the browser
// can say anything. docs/security.md tells what each member weighs.

import type { TrackInfo } from './protocol';

/** What the page has found out about a video track. */
export interface TrackFacts {
  /** the device's name; empty when the browser gives none */
  label: string;
  facing: string | undefined;
  /** names of the capabilities that the track lists; null when the browser cannot list them */
  capabilities: readonly string[] | null;
  /** whether frames carry the time of their capture; null when none has come yet */
  captureTime: boolean | null;
  webdriver: boolean;
}

/**
 * Names of programs that act as a camera, as browsers show them. Programs that
 * pass on the picture of a phone's real camera are not listed.
 */
const VIRTUAL = new RegExp([
  'virtual', '\\bobs\\b', 'manycam', 'snap camera', 'xsplit', 'vcam\\b', 'camtwist', 'splitcam', 'sparkocam', 'youcam', 'webcammax',
  'altercam', 'chromacam', 'mmhmm', 'unity video', '\\bndi\\b', 'v4l2 ?loopback', 'dummy video', 'fake', 'deep.?live', 'deepface', 'avatarify',
  '虚拟',
].join('|'), 'i');

/** Capabilities that a lens or a sensor has and a program seldom imitates. */
const OPTICS = ['exposureMode', 'exposureTime', 'exposureCompensation', 'iso', 'whiteBalanceMode', 'colorTemperature', 'focusMode',
  'focusDistance', 'zoom', 'torch', 'brightness', 'contrast', 'saturation', 'sharpness'];

const FACINGS = ['user', 'environment', 'left', 'right'] as const;

/** The member track of hello. */
export function describeTrack(f: TrackFacts): TrackInfo {
  const facing = FACINGS.find((x) => x === f.facing) ?? '';
  return {
    label: f.label === '' ? 'none' : VIRTUAL.test(f.label) ? 'virtual' : 'plain',
    facing,
    controls: f.capabilities === null ? -1 : OPTICS.filter((x) => f.capabilities?.includes(x)).length,
    clock: f.captureTime === null ? '' : f.captureTime ? 'camera' : 'page',
    webdriver: f.webdriver,
  };
}
