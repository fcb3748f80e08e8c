import { stringify } from 'yaml';

const NAME = 'holdfast';

interface Credentials {
  readonly user: string;
  readonly token: string;
}

/** The text of a kubeconfig file that makes `kubectl` speak to the hub's API at `address` (`HOST:PORT`) as a user. */
export function compileKubeconfig(address: string, { user, token }: Credentials): string {
  // There is no TLS to verify, but the JavaScript client speaks plain HTTP only where that is said.
  const cluster = { server: `http://${address}`, 'insecure-skip-tls-verify': true };
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: NAME, cluster }],
    users: [{ name: user, user: { token } }],
    contexts: [{ name: NAME, context: { cluster: NAME, user } }],
    'current-context': NAME,
  });
}
