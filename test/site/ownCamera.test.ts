import type { Browser } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { CHROMIUM, hasChromium, launchChromium } from '../support/chromium.js';
import { cardOf } from './ownImages.js';
import { go, openTab, useSite } from './page.js';

const served = useSite();

/** A browser with cameras that show a test picture; `allowed` or not. */
function withCamera(allowed: boolean, count = 1): Promise<Browser> {
  const args = [
    `--use-fake-device-for-media-stream=device-count=${count}`,
    ...(allowed ? ['--use-fake-ui-for-media-stream'] : []),
  ];
  return launchChromium({ args: [...CHROMIUM.args!, ...args] });
}

describe.skipIf(!hasChromium)("the visitor's own images", () => {
  test('are taken by the camera while a button is held, which then answers live, and goes off with the view', async () => {
    const browser = await withCamera(true);
    try {
      const { page, complaints } = await openTab(browser, 'about:blank');
      // Counts what the network is asked.
      await page.addInitScript(() => {
        const { postMessage } = Worker.prototype;
        Object.assign(window, { asked: 0 });
        Worker.prototype.postMessage = function (this: Worker, message: { name?: string }) {
          if (message.name === 'guess') (window as never as { asked: number }).asked++;
          postMessage.call(this, message);
        };
      });
      await page.goto(`${served.site.url}#view=own`);
      await page.waitForSelector('.own-class');
      for (const place of [0, 1]) {
        await page.click(`${cardOf(place)} >> text="Camera"`);
        await page.waitForSelector(`${cardOf(place)} >> video`);
        await page.waitForFunction(() => document.querySelector('video')!.readyState >= 2);
        const button = page.getByText('Hold to take images');
        if (place === 0) {
          const { x, y } = (await button.boundingBox())!;
          await page.mouse.move(x + 20, y + 20);
          await page.mouse.down();
          await page.waitForSelector(`${cardOf(0)} >> li >> nth=4`);
          await page.mouse.up();
        } else {
          await button.focus();
          await page.keyboard.down('Space');
          await page.waitForSelector(`${cardOf(1)} >> li >> nth=4`);
          await page.keyboard.up('Space');
        }
      }
      await page.evaluate(() => {
        const { srcObject } = document.querySelector('video')!;
        Object.assign(window, { tracks: (srcObject as MediaStream).getTracks() });
      });
      await page.waitForSelector('.own-go .primary:enabled');
      await page.click('.own-go .primary');
      await page.waitForSelector('.step .note.good');
      await page.click('.own-subject >> text="Camera"');
      await page.waitForSelector('.own-answers .best');
      // It goes on asking.
      const asked = () => page.evaluate(() => (window as never as { asked: number }).asked);
      const before = await asked();
      await expect.poll(asked).toBeGreaterThan(before + 3);
      const states = () =>
        page.evaluate(() =>
          (window as never as { tracks: MediaStreamTrack[] }).tracks.map((one) => one.readyState),
        );
      expect(await states()).toEqual(['live']);
      await go(page, 'network');
      await expect.poll(states).toEqual(['ended']);
      expect(complaints).toEqual([]);
    } finally {
      await browser.close();
    }
  });

  test('and changes to each other camera, of which one that looks away is no mirror', async () => {
    const browser = await withCamera(true, 3);
    try {
      const { page, complaints } = await openTab(browser, 'about:blank');
      // The second one is at the back.
      await page.addInitScript(() => {
        const { getSettings } = MediaStreamTrack.prototype;
        MediaStreamTrack.prototype.getSettings = function (this: MediaStreamTrack) {
          const facingMode = this.label === 'fake_device_1' ? 'environment' : 'user';
          return { ...getSettings.call(this), facingMode };
        };
      });
      await page.goto(`${served.site.url}#view=own`);
      await page.waitForSelector('.own-class');
      await page.click(`${cardOf(0)} >> text="Camera"`);
      const track = () =>
        page.evaluate(() => {
          const [one] = (document.querySelector('video')?.srcObject as MediaStream | null)?.getTracks() ?? [];
          return one && { label: one.label, isMirror: !!document.querySelector('.own-video.mirror') };
        });
      const shows = (label: string) => expect.poll(async () => (await track())?.label).toBe(label);
      const isMirror = async () => (await track())?.isMirror;
      await shows('fake_device_0');
      await expect.poll(isMirror).toBe(true);
      for (const [place, mirrors] of [
        [1, false],
        [2, true],
        [0, true],
      ] as const) {
        const before = await page.evaluateHandle(
          () => (document.querySelector('video')!.srcObject as MediaStream).getTracks()[0]!,
        );
        await page.click('text=Other camera');
        await shows(`fake_device_${place}`);
        await expect.poll(isMirror).toBe(mirrors);
        await expect.poll(() => before.evaluate((one) => one.readyState)).toBe('ended');
      }
      await page.click('text=Other camera');
      await shows('fake_device_1');
      await page.waitForFunction(() => document.querySelector('video')!.readyState >= 2);
      await page.click('text=Hold to take images');
      await page.waitForSelector(`${cardOf(0)} >> li`);
      // It stays that camera where the network is tried, or at another class.
      await page.click(`${cardOf(1)} >> text="Camera"`);
      await page.waitForSelector(`${cardOf(1)} >> video`);
      await shows('fake_device_1');
      expect(complaints).toEqual([]);
    } finally {
      await browser.close();
    }
  });

  test('without a camera say why, in a sentence', async () => {
    const browser = await withCamera(false);
    try {
      const { page } = await openTab(browser, `${served.site.url}#view=own`);
      await page.waitForSelector('.own-class');
      const press = () => page.click(`${cardOf(0)} >> text="Camera"`);
      await press();
      await page.waitForSelector('[role=alert] >> text=does not let this page use the camera');
      for (const [name, sentence] of [
        ['NotFoundError', 'There is no camera'],
        ['NotReadableError', 'another program may be using it'],
        [undefined, 'only for pages on https or localhost'],
      ] as const) {
        await page.evaluate((name) => {
          const value = name && { getUserMedia: () => Promise.reject(new DOMException('', name)) };
          Object.defineProperty(navigator, 'mediaDevices', { value, configurable: true });
        }, name);
        await page.click('[role=alert] button');
        await page.waitForSelector(`[role=alert] >> text=${sentence}`);
      }
      await page.click(`${cardOf(0)} >> text=Turn the camera off`);
      await expect.poll(() => page.locator('[role=alert]').count()).toBe(0);
    } finally {
      await browser.close();
    }
  });
});
