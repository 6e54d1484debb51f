import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname } from 'node:path';
import { CONTENT_SECURITY_POLICY } from '../../site/build/head.js';

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
  '.webmanifest': 'application/manifest+json',
};

/** A server of the built site. */
export interface SiteServer {
  url: string;
  /** Whether to break off the connection instead of answering a request. */
  fails: (path: string) => boolean;
  /** Changes the bytes that are sent. */
  alters: (path: string, bytes: Buffer) => Buffer | string;
  /** Answers every request again, unchanged. */
  reset(): void;
  close(): void;
}

const HONEST: Pick<SiteServer, 'fails' | 'alters'> = { fails: () => false, alters: (_, bytes) => bytes };

/**
 * Serves the built site from a subfolder, as project pages are. The policy is sent as a header too, since workers ignore a
 * page's meta element.
 */
export async function serveSite(folder: string): Promise<SiteServer> {
  const server = createServer(async (request, response) => {
    const path = new URL(request.url!, 'http://localhost').pathname.replace(/^\/some\/folder\//, '');
    if (site.fails(path)) {
      response.destroy();
      return;
    }
    const file = `${folder}/${path.endsWith('/') || path === '' ? `${path}index.html` : path}`;
    const bytes = path.includes('..') ? undefined : await readFile(file).catch(() => {});
    // As GitHub Pages does: the site's page for what is missing, under the address that was asked for.
    response.writeHead(bytes ? 200 : 404, {
      'content-type':
        (bytes && TYPES[extname(file)]) ?? (bytes ? 'application/octet-stream' : TYPES['.html']),
      'content-security-policy': CONTENT_SECURITY_POLICY,
    });
    response.end(bytes ? site.alters(path, bytes) : await readFile(`${folder}/404.html`));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const site: SiteServer = {
    url: `http://127.0.0.1:${port}/some/folder/`,
    ...HONEST,
    reset() {
      Object.assign(site, HONEST);
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
  return site;
}
