import { createPrivateKey, generateKeyPairSync, sign } from 'node:crypto';

/** DER's tags (X.690), as far as a certificate has them. */
const TAG = { integer: 0x02, bits: 0x03, object: 0x06, text: 0x0c, time: 0x17, sequence: 0x30, set: 0x31 };
const VERSION_TAG = 0xa0;

const ECDSA_WITH_SHA256 = [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02];
const COMMON_NAME = [0x55, 0x04, 0x03];
const DAY_MS = 24 * 3_600_000;

/**
 * Issues certificates (RFC 5280) for names, of P-256 and all with one key, within the process: ten thousand calls of
 * openssl would take minutes. `authorityKey` is a PEM text.
 */
export function createIssuer(authorityName: string, authorityKey: string) {
  const issuerKey = createPrivateKey(authorityKey);
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const algorithm = der(TAG.sequence, der(TAG.object, Buffer.from(ECDSA_WITH_SHA256)));
  const now = Date.now();
  const validity = der(TAG.sequence, timeOf(now - DAY_MS), timeOf(now + DAY_MS));
  const version = der(VERSION_TAG, der(TAG.integer, Buffer.from([2])));
  // As long as its four bytes have no leading zeros, which DER forbids.
  let serial = 0x4000_0000;

  return (name: string): { readonly cert: string; readonly key: string } => {
    const number = Buffer.alloc(4);
    number.writeInt32BE((serial += 1));
    const body = der(
      TAG.sequence,
      version,
      der(TAG.integer, number),
      algorithm,
      nameOf(authorityName),
      validity,
      nameOf(name),
      spki,
    );
    const signature = der(TAG.bits, Buffer.from([0]), sign('sha256', body, issuerKey));
    const text = der(TAG.sequence, body, algorithm, signature)
      .toString('base64')
      .match(/.{1,64}/g)
      ?.join('\n');
    return { cert: `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`, key };
  };
}

function der(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const bytes = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...bytes]), content]);
}

function nameOf(commonName: string): Buffer {
  const pair = der(
    TAG.sequence,
    der(TAG.object, Buffer.from(COMMON_NAME)),
    der(TAG.text, Buffer.from(commonName)),
  );
  return der(TAG.sequence, der(TAG.set, pair));
}

/** UTCTime: two digits of the year. */
function timeOf(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/[-:T]/g, '').slice(2, 14);
  return der(TAG.time, Buffer.from(`${digits}Z`));
}
