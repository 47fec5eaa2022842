// The camera: opening it, the reasons why it does not open, the choice of one.

import type { CameraFault } from '../core/machine';
import type { TrackFacts } from '../core/track';

/** A camera that could not be opened. */
export class CameraError extends Error {
  constructor(readonly fault: CameraFault) {
    super(`camera ${fault}`);
    this.name = 'CameraError';
  }
}

/** Whether this page can ask for a camera at all. */
export function cameraPossible(): boolean {
  return typeof navigator !== 'undefined' && !!navigator.mediaDevices?.getUserMedia;
}

/** A running camera. */
export interface Camera {
  stream: MediaStream;
  width: number;
  height: number;
  fps: number;
  deviceId: string;
}

/**
 * Opens the front camera, or the one with the id. Asks for 640×480 at 30
 * pictures a second: enough for a face, cheap for every device. Throws
 * CameraError.
 */
export async function openCamera(deviceId?: string): Promise<Camera> {
  if (!cameraPossible()) throw new CameraError(window.isSecureContext ? 'missing' : 'insecure');
  const which: MediaTrackConstraints = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: 'user' };
  let stream: MediaStream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: { ...which, width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } },
    });
  } catch (e) {
    throw new CameraError(faultOf(e));
  }
  const track = stream.getVideoTracks()[0];
  if (!track) throw new CameraError('missing');
  const s = track.getSettings?.() ?? {};
  return {
    stream, width: s.width ?? 0, height: s.height ?? 0, fps: s.frameRate ?? 0, deviceId: s.deviceId ?? '',
  };
}

/** What the browser says of the camera; captureTime: see Recorder. */
export function trackFacts(c: Camera | null, captureTime: boolean | null): TrackFacts {
  const track = c?.stream.getVideoTracks()[0];
  let capabilities: string[] | null = null;
  try {
    if (typeof track?.getCapabilities === 'function') capabilities = Object.keys(track.getCapabilities());
  } catch { /* not listed */ }
  return {
    label: track?.label ?? '', facing: track?.getSettings?.().facingMode, capabilities, captureTime,
    webdriver: navigator.webdriver === true,
  };
}

/** Turns the camera's lamp off. */
export function closeCamera(c: Camera | null): void {
  for (const t of c?.stream.getTracks() ?? []) t.stop();
}

/** The cameras there are; their names are known only once one was allowed. */
export async function listCameras(): Promise<{ id: string; label: string }[]> {
  try {
    const all = await navigator.mediaDevices.enumerateDevices();
    return all.filter((d) => d.kind === 'videoinput' && d.deviceId)
      .map((d, i) => ({ id: d.deviceId, label: d.label || `${i + 1}` }));
  } catch {
    return [];
  }
}

function faultOf(e: unknown): CameraFault {
  switch ((e as { name?: string } | null)?.name) {
    case 'NotAllowedError': case 'SecurityError': case 'PermissionDeniedError': return 'denied';
    case 'NotFoundError': case 'DevicesNotFoundError': case 'OverconstrainedError': return 'missing';
    default: return 'busy';
  }
}
