import { fail, shown } from '../base/check.js';
import { concat } from './bytes.js';
import { type Downloaded, downloadFile } from './download.js';
import { DataError } from './errors.js';
import { type ReadOptions, request, tooLong } from './request.js';
import { bodyOf, discard, fetched } from './response.js';
import { refusal, withRetries } from './retry.js';

/** How a hub is asked. */
export interface HubOptions extends Pick<ReadOptions, 'fetch' | 'signal' | 'onProgress'> {
  /** The address of the Hugging Face Hub or a mirror; default `https://huggingface.co`. */
  endpoint?: string;
  /** An access token, for private and gated repositories. It is sent to the endpoint's own origin only. */
  token?: string;
  /** Another folder (Node) or cache name (browser); `false` for no cache. */
  cache?: string | false;
}

/** A repository of models at one revision. */
export interface HubRepository {
  /** `hf:OWNER/NAME`, with `@REVISION` if one was given. */
  readonly name: string;
  /** A small file; undefined if the repository does not have it. */
  read(file: string): Promise<Uint8Array | undefined>;
  /**
   * A large file, downloaded and cached; undefined if the repository does not have it. One whose checksum was verified is never
   * forgotten.
   */
  download(file: string): Promise<Downloaded | undefined>;
}

/** The maximum length of a file that is read at once; an index of 10000 tensors has 1 MB. */
const MAX_SMALL_BYTES = 16 * 2 ** 20;

/** The name of a repository, as hubs allow it: no dots or hyphens at its ends. */
const NAME = /^\w(?:[\w.-]{0,94}\w)?$/;
/** A branch, a tag, a commit, or a reference such as `refs/pr/1`. */
const REVISION = /^[\w.-]{1,200}(?:\/[\w.-]{1,200}){0,3}$/;
const COMMIT = /^[0-9a-f]{40}$/;

/**
 * A repository of the Hugging Face Hub, or of a server with its layout of files: `ENDPOINT/OWNER/NAME/resolve/REVISION/FILE`,
 * which may redirect to other servers. The first answer that states the commit (`X-Repo-Commit`) determines it for all
 * later requests. Large files whose SHA-256 and length the hub states (`X-Linked-Etag`, `X-Linked-Size`) are verified.
 *
 * Browsers hide redirects, and with them the SHA-256; there the commit alone identifies the files.
 *
 * @param name `hf:OWNER/NAME` or `hf:OWNER/NAME@REVISION`; the default revision is `main`.
 * @throws RangeError when the name or the endpoint is malformed. The methods throw DataError: `missing` when there is no such
 *   repository or revision, or it is private; `unreadable` when it is gated or the hub cannot be reached; `damaged`.
 */
export function openHub(where: string, name: string, options: HubOptions): HubRepository {
  const { repository, revision } = parseName(where, name);
  const endpoint = parseEndpoint(where, options.endpoint);
  checkToken(where, options.token);
  const { signal, onProgress, cache } = options;
  let commit = COMMIT.test(revision) ? revision : undefined;
  const urlOf = (file: string) =>
    `${endpoint.href.replace(/\/$/, '')}/${repository}/resolve/${encodeURIComponent(commit ?? revision)}/${file}`;

  /** The last response to a request, and those of the endpoint itself; undefined if there is no such file. */
  const ask = async (file: string, method: 'GET' | 'HEAD') => {
    const url = urlOf(file);
    const own: Response[] = [];
    const follow = following(endpoint, options, (response) => own.push(response));
    const fetch: typeof follow = (address, init) => follow(address, { ...init, method });
    const response = await request(url, { fetch, signal });
    commit ??= headerOf(own, 'x-repo-commit', COMMIT);
    if (response.ok || isRedirect(response)) return { response, own };
    discard(response);
    const problem = problemOf(name, `${endpoint.origin}/${repository}`, revision, response);
    if (problem) throw problem;
    if (response.status === 404) return undefined;
    throw refusal(url, response);
  };

  return {
    name,
    async read(file) {
      return withRetries(urlOf(file), options, async () => {
        const answer = await ask(file, 'GET');
        if (!answer) return undefined;
        const pieces: Uint8Array[] = [];
        let length = 0;
        for await (const piece of bodyOf(urlOf(file), answer.response, signal)) {
          length += piece.length;
          if (length > MAX_SMALL_BYTES) throw tooLong(urlOf(file), `at least ${length}`, MAX_SMALL_BYTES);
          pieces.push(piece);
        }
        return concat(pieces);
      });
    },
    async download(file) {
      const answer = await withRetries(urlOf(file), options, () => ask(file, 'HEAD'));
      if (!answer) return undefined;
      const sha256 = headerOf(answer.own, 'x-linked-etag', /^[0-9a-f]{64}$/);
      const bytes = headerOf(answer.own, 'x-linked-size', /^\d{1,15}$/);
      const downloaded = await downloadFile(urlOf(file), {
        sha256,
        bytes: bytes === undefined ? undefined : Number(bytes),
        // What neither a commit nor a checksum identifies may change at its address.
        cache: commit || sha256 ? cache : false,
        fetch: following(endpoint, options),
        signal,
        onProgress,
      });
      return sha256 ? { ...downloaded, forget: async () => {} } : downloaded;
    },
  };
}

/** The first value of a header that has a form, without the quotes of an ETag. */
function headerOf(responses: readonly Response[], header: string, form: RegExp): string | undefined {
  return responses
    .map(({ headers }) => headers.get(header)?.replace(/^"(.*)"$/, '$1'))
    .find((value): value is string => value !== undefined && form.test(value));
}

function parseName(where: string, name: string): { repository: string; revision: string } {
  const [, owner = '', model = '', revision = 'main'] = /^hf:([^/@]+)\/([^/@]+)(?:@(.*))?$/s.exec(name) ?? [];
  const sound =
    [owner, model].every((one) => NAME.test(one) && !/--|\.\.|\.git$/.test(one)) &&
    REVISION.test(revision) &&
    !revision.split('/').some((part) => /^\.+$/.test(part) || part.includes('..'));
  if (!sound) {
    fail(
      where,
      `the name is ${shown(name)}; it must be hf:OWNER/NAME or hf:OWNER/NAME@REVISION, such as hf:timm/vgg16.tv_in1k.`,
    );
  }
  return { repository: `${owner}/${model}`, revision };
}

function parseEndpoint(where: string, endpoint = 'https://huggingface.co'): URL {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url && (url.username || url.password)) {
    fail(where, 'endpoint has a user name or a password; leave them out, and pass a token.');
  }
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash) {
    fail(where, `endpoint is ${shown(endpoint)}; it must be an address such as https://huggingface.co.`);
  }
  return url;
}

/** Throws for a token that cannot be sent. It is never printed. */
function checkToken(where: string, token: string | undefined): void {
  if (token === undefined || /^[\x21-\x7e]+$/.test(token)) return;
  fail(
    where,
    'token is empty or has a blank, a line break or a character beyond ASCII; pass the token alone.',
  );
}

/** What the hub's error means; undefined for a file that is missing, and for errors of any server. */
function problemOf(name: string, page: string, revision: string, response: Response): DataError | undefined {
  const code = response.headers.get('x-error-code');
  if (code === 'GatedRepo') {
    return new DataError(
      name,
      'unreadable',
      `the repository is gated; accept its conditions at ${page}, then pass a token of that account.`,
    );
  }
  if (code === 'RevisionNotFound') {
    return new DataError(
      name,
      'missing',
      `the repository has no revision '${revision}'; check it at ${page}.`,
    );
  }
  // Without a token, the hub answers alike for private repositories and those that do not exist.
  if (code === 'RepoNotFound' || response.status === 401) {
    return new DataError(
      name,
      'missing',
      'there is no such repository, or it is private; check the name, or pass a token that may read it.',
    );
  }
  return undefined;
}

/** The maximum number of redirects; a renamed repository and a large file take one each. */
const MAX_REDIRECTS = 5;

/**
 * A `fetch` that sends the token to the endpoint's origin only. It follows redirects itself, so that this holds for every
 * implementation of `fetch`; browsers do not allow that, and drop the token at a redirect to another origin themselves. HEAD
 * requests end at such a redirect: the hub has answered, and the address beyond it may be for GET only.
 *
 * @param note called with each response of the endpoint's origin.
 */
function following(
  endpoint: URL,
  { fetch = globalThis.fetch, token }: HubOptions,
  note: (response: Response) => void = () => {},
): typeof globalThis.fetch {
  return async (first, init) => {
    let url = new URL(String(first));
    for (let redirects = 0; ; redirects++) {
      const own = url.origin === endpoint.origin;
      const headers = new Headers(init?.headers);
      if (own && token !== undefined) headers.set('authorization', `Bearer ${token}`);
      const response = await fetched(fetch, url.href, { ...init, headers, redirect: 'manual' });
      if (own) note(response);
      if (!isRedirect(response)) return response;
      const head = init?.method === 'HEAD';
      if (response.type === 'opaqueredirect')
        return head ? response : fetched(fetch, url.href, { ...init, headers, redirect: 'follow' });
      const location = response.headers.get('location') ?? '';
      const next = URL.canParse(location, url) ? new URL(location, url) : undefined;
      if (head && next && next.origin !== endpoint.origin) return response;
      discard(response);
      // Node's fetch would read what a data: URL holds.
      const isServer = next && /^https?:$/.test(next.protocol);
      if (!isServer || redirects === MAX_REDIRECTS) {
        const why = isServer ? `more than ${MAX_REDIRECTS} redirects` : 'a redirect to no server';
        throw new DataError(
          String(first),
          'unreadable',
          `the hub could not be reached (${why}); try again later.`,
        );
      }
      url = next;
    }
  };
}

function isRedirect({ type, status }: Response): boolean {
  return type === 'opaqueredirect' || [301, 302, 303, 307, 308].includes(status);
}
