import type { ContainerImage } from '../../tools/container-image.ts';
import type { ImageServer, ServedFile } from './image-server.ts';

/** Has the web server answer as a registry with this image would; how blobs are sent can be said. */
export function serveImage(
  server: ImageServer,
  repository: string,
  { manifest, blobs }: ContainerImage,
  how: Partial<ServedFile> = {},
): { readonly url: string } {
  const at = (place: string) => `/v2/${repository}/${place}`;
  for (const version of ['latest', manifest.digest]) {
    server.files.set(at(`manifests/${version}`), { content: manifest.content });
  }
  for (const { digest, content } of blobs) server.files.set(at(`blobs/${digest}`), { content, ...how });
  return { url: `docker://${new URL(server.url('/')).host}/${repository}:latest` };
}
