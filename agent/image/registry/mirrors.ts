import type { ImageReference } from '../../../shared/base/image-reference.ts';
import { DOCKER_HUB } from '../../../shared/base/image-reference.ts';
import { isLoopback } from '../../../shared/config/settings.ts';
import type { Mirror } from '../../../shared/config/mirrors.ts';

/** Where a repository is asked for. */
export interface Endpoint {
  /** `https://HOST[:PORT]`, or http. */
  readonly origin: string;
  /** The repository's name there. */
  readonly repository: string;
  /** By what a login is looked up: the host as it is named in images, or the mirror's. */
  readonly host: string;
}

/** The host behind Docker Hub's name. */
const HUB_ORIGIN = 'https://index.docker.io';

/**
 * The mirror with the longest prefix of the image's name (whole components), or else the registry that is named.
 * One on the box itself is spoken to in plain HTTP, as Docker does; another only where a mirror's URL says so.
 */
export function resolveEndpoint({ host, repository }: ImageReference, mirrors: readonly Mirror[]): Endpoint {
  const name = `${host}/${repository}`;
  const [mirror] = mirrors
    .filter(({ prefix }) => name === prefix || name.startsWith(`${prefix}/`))
    .toSorted((a, b) => b.prefix.length - a.prefix.length);
  if (mirror !== undefined) {
    const { origin, host: mirrorHost, pathname } = new URL(mirror.url);
    const there = [pathname, name.slice(mirror.prefix.length)].join('/').split('/');
    return { origin, repository: there.filter((part) => part !== '').join('/'), host: mirrorHost };
  }
  if (host === DOCKER_HUB) return { origin: HUB_ORIGIN, repository, host };
  const hostname = host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  const scheme = isLoopback({ host: hostname, port: 0 }) ? 'http' : 'https';
  return { origin: `${scheme}://${host}`, repository, host };
}
