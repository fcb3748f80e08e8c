/**
 * Names of container images, as Docker and containerd read them: `[HOST[:PORT]/]PATH[:TAG][@sha256:DIGEST]`
 * (distribution's `reference` grammar). A name without a host is Docker Hub's.
 */
export interface ImageReference {
  /** With its port, as it was given; `docker.io` where none was. */
  readonly host: string;
  /** The repository, without the host: `library/debian`. */
  readonly repository: string;
  readonly tag?: string;
  /** `sha256:` and 64 hexadecimal digits; it decides, whatever the tag. */
  readonly digest?: string;
}

export const DOCKER_HUB = 'docker.io';

const HOST = /^(?:[a-zA-Z0-9](?:[-a-zA-Z0-9.]*[a-zA-Z0-9])?|\[[0-9a-fA-F:]+\])(?::\d{1,5})?$/;
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const LONGEST = 255;

/** The parts of an image's name, or undefined where it is none. */
export function parseImageReference(text: string): ImageReference | undefined {
  const [named = '', digest, ...more] = text.split('@');
  if (more.length > 0 || (digest !== undefined && !DIGEST.test(digest))) return undefined;
  const slash = named.indexOf('/');
  const first = named.slice(0, Math.max(slash, 0));
  // Only what looks like a host is one: "kubevirt/cirros" is a repository of Docker Hub.
  const hasHost = slash > 0 && (/[.:[]|[A-Z]/.test(first) || first === 'localhost');
  const host = hasHost ? first : DOCKER_HUB;
  const rest = hasHost ? named.slice(slash + 1) : named;
  const [path = '', tag, ...colons] = rest.split(':');
  if (colons.length > 0 || (tag !== undefined && !TAG.test(tag)) || !HOST.test(host)) return undefined;
  const components = path.split('/');
  if (!components.every((component) => COMPONENT.test(component))) return undefined;
  const isHub = host === DOCKER_HUB || host === 'index.docker.io';
  const repository = isHub && components.length === 1 ? `library/${path}` : path;
  if (host.length + repository.length > LONGEST) return undefined;
  return {
    host: isHub ? DOCKER_HUB : host,
    repository,
    ...(tag === undefined ? {} : { tag }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** An image's name in full, as every spelling of it becomes. */
export function formatImageReference({ host, repository, tag, digest }: ImageReference): string {
  const version =
    digest === undefined ? `:${tag ?? 'latest'}` : `${tag === undefined ? '' : `:${tag}`}@${digest}`;
  return `${host}/${repository}${version}`;
}
