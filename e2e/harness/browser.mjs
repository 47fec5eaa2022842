// One way to start Chromium, for every test.
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

export const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** Starts a browser that talks to nobody but the page's server. */
export async function launch(more = []) {
  if (!existsSync(CHROMIUM)) throw new Error(`no browser at ${CHROMIUM}: run make test, or set CHROMIUM`);
  return chromium.launch({
    executablePath: CHROMIUM,
    args: [
      '--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update',
      '--disable-sync', '--no-first-run', '--disable-quic', '--disable-dev-shm-usage',
      '--disable-background-timer-throttling', '--disable-renderer-backgrounding', '--disable-backgrounding-occluded-windows',
      ...more,
    ],
  });
}

/** The two kinds of device: viewport and what the flash lights the face with. */
export const DEVICES = {
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 1, hasTouch: true, isMobile: false },
  laptop: { viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1 },
};
