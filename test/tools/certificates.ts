import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A key and a certificate for it, as PEM texts. */
export interface Certified {
  readonly cert: string;
  readonly key: string;
}

export interface Authority {
  readonly cert: string;
  /** A certificate for a common name and, where given, alternative names such as `DNS:edge-1`. */
  issue(commonName: string, alternativeNames?: string): Certified;
}

/** A certificate authority of a day, in a folder of its own. */
export function createAuthority(folder: string): Authority {
  const at = (name: string) => join(folder, name);
  const run = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  run('req', '-x509', ...newKey, '-days', '1', '-subj', '/CN=authority', ...pair(at, 'ca'));
  let issued = 0;
  return {
    cert: readFileSync(at('ca.pem'), 'utf8'),
    issue(commonName, alternativeNames) {
      const name = `leaf-${(issued += 1)}`;
      const extension =
        alternativeNames === undefined ? [] : ['-addext', `subjectAltName=${alternativeNames}`];
      run(
        'req',
        ...newKey,
        '-subj',
        `/CN=${commonName}`,
        ...extension,
        '-keyout',
        at(`${name}.key`),
        '-out',
        at(`${name}.csr`),
      );
      const signing = [
        '-CA',
        at('ca.pem'),
        '-CAkey',
        at('ca.key'),
        '-CAcreateserial',
        '-copy_extensions',
        'copy',
      ];
      run('x509', '-req', '-days', '1', '-in', at(`${name}.csr`), ...signing, '-out', at(`${name}.pem`));
      return { cert: readFileSync(at(`${name}.pem`), 'utf8'), key: readFileSync(at(`${name}.key`), 'utf8') };
    },
  };
}

function pair(at: (name: string) => string, name: string): string[] {
  return ['-keyout', at(`${name}.key`), '-out', at(`${name}.pem`)];
}
