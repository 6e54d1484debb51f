import { isError, messageOf } from '../base/realm.js';
import { DamagedData } from './inflate.js';

/** Why an address cannot be fetched, however often one tries, and what to do. */
export interface NeverFetched {
  words: string;
  remedy: string;
}

const CHECK = 'check the address';
const ELSEWHERE = 'use another source';
const CLOCK = `check the clock of this machine, or ${ELSEWHERE}`;
const trust = (certificate: string) =>
  `set NODE_EXTRA_CA_CERTS to a file with ${certificate} before Node starts, or ${ELSEWHERE}`;

/** What an error's code or message says, in our words. The codes are those of Node and OpenSSL; a browser tells a page none. */
const REASONS: readonly (readonly [RegExp, words: string, remedy?: string])[] = [
  [/^invalid method$/, 'there is no Blob of this URL here'],
  [/^bad port$/, 'fetch connects to no server on this port'],
  [/includes credentials/, 'fetch takes no name and password from a URL'],
  [/^redirect count exceeded$/, 'the server redirects without an end'],
  [/HTTP\(S\) scheme/, 'the server redirects to what is neither http: nor https:'],
  // The first address was looked at before.
  [/^invalid url$/i, 'the server redirects to no valid address'],
  [
    /^(cross origin not allowed|URL cannot contain credentials) for request mode/,
    'the server redirects to an address with a name and password',
  ],
  [
    /^(incorrect header check|invalid stored block lengths|Decompression failed|Unknown frame descriptor)$/,
    'the bytes are not compressed as the server says with Content-Encoding',
    ELSEWHERE,
  ],
  [/^Response does not match the HTTP/, 'what answers on this port does not speak HTTP'],
  [
    /^ERR_SSL_(WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST)$/,
    'the server does not speak https on this port',
    `use http: if the server does, or ${CHECK}`,
  ],
  [
    /^ERR_SSL_.*(ALERT_PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|HANDSHAKE_FAILURE)$/,
    'the server and this program have no version of TLS in common',
    ELSEWHERE,
  ],
  [/^DEPTH_ZERO_SELF_SIGNED_CERT$/, "the server's certificate is self-signed", trust('it')],
  [
    /^(SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT(_LOCALLY)?)$/,
    "the issuer of the server's certificate is not known here",
    trust("the issuer's certificate"),
  ],
  [/^CERT_HAS_EXPIRED$/, "the server's certificate has expired", CLOCK],
  [/^CERT_NOT_YET_VALID$/, "the server's certificate is not valid yet", CLOCK],
  [
    /^(ERR_TLS_CERT_ALTNAME_INVALID|HOSTNAME_MISMATCH)$/,
    "the server's certificate is for another name than the address has",
  ],
  [/^(CERT_|INVALID_CA$|INVALID_PURPOSE$)/, "the server's certificate is not valid", ELSEWHERE],
];

/** Why what `fetch` threw comes again with every try, if an error or one of its causes says so; undefined for other errors. */
export function neverFetched(thrown: unknown): NeverFetched | undefined {
  for (let error = thrown, depth = 0; depth < 4; depth++) {
    if (error instanceof DamagedData) return undefined;
    const code = isError(error) && 'code' in error ? String(error.code) : '';
    const message = messageOf(error);
    const found = REASONS.find(([pattern]) => pattern.test(code) || pattern.test(message));
    if (found) return { words: found[1], remedy: found[2] ?? CHECK };
    if (!isError(error) || error.cause === undefined) return undefined;
    error = error.cause;
  }
  return undefined;
}
