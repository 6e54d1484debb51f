import { readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { serve, type TestServer } from '../io/server.js';
import { launchChromium } from '../support/chromium.js';

/** The strictest policy that WebAssembly works under: nothing inline, no eval, nothing from elsewhere. */
const POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; style-src 'self'";

const TYPES: Record<string, string> = {
  '.bin': 'application/octet-stream',
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.json': 'application/json',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
};

/** What a page printed. */
export interface Printed {
  log: string[];
  /** Warnings, errors, uncaught exceptions, violations of the policy, and failed requests. */
  complaints: string[];
}

/** Serves a folder under a strict Content-Security-Policy or other headers. */
export function servePage(folder: string, headers: Record<string, string> = {}): Promise<TestServer> {
  return serve((request, response) => {
    const path = new URL(request.url!, 'http://localhost').pathname.replace(/\/$/, '/index.html');
    readFile(join(folder, path)).then(
      (bytes) =>
        response
          .writeHead(200, {
            'content-type': TYPES[extname(path)],
            'content-security-policy': POLICY,
            ...headers,
          })
          .end(bytes),
      () => response.writeHead(path === '/favicon.ico' ? 204 : 404).end(),
    );
  });
}

/**
 * Opens a folder's index.html in Chromium, under a strict Content-Security-Policy or other headers, until the page logs
 * something.
 */
export async function openPage(folder: string, headers: Record<string, string> = {}): Promise<Printed> {
  const server = await servePage(folder, headers);
  const browser = await launchChromium().catch(async (error) => {
    await server.close();
    throw error;
  });
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(120_000);
    const printed: Printed = { log: [], complaints: [] };
    const done = new Promise<void>((resolve, reject) => {
      page.on('console', (message) => {
        if (message.type() !== 'log') printed.complaints.push(message.text());
        else {
          printed.log.push(message.text());
          resolve();
        }
      });
      page.on('pageerror', (error) => {
        printed.complaints.push(String(error));
        resolve();
      });
      page.on('crash', () => reject(new Error('The page crashed.')));
      setTimeout(
        () => reject(new Error(`The page logged nothing; it said: ${printed.complaints}`)),
        240_000,
      ).unref();
    });
    await page.goto(server.url);
    await done;
    return printed;
  } finally {
    await browser.close();
    await server.close();
  }
}
