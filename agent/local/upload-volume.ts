import { EffectError } from '../../shared/base/errors.ts';
import type { ImageSource } from '../machine/image-source.ts';
import { imagesOf } from '../machine/images.ts';
import { readWanted } from '../plan/read-wanted.ts';
import type { Machines, Store } from '../ports.ts';
import type { Images } from '../images-port.ts';

interface UploadPorts {
  readonly store: Store;
  readonly machines: Pick<Machines, 'observe'>;
  readonly images: Images;
}

/**
 * Fills a data volume (`name` or `namespace/name`) that waits for an upload.
 * @throws EffectError NotFound, Ambiguous, AlreadyFilled, and as `Images.upload`
 */
export async function uploadVolume(
  volume: string,
  content: AsyncIterable<Buffer>,
  { store, machines, images }: UploadPorts,
): Promise<void> {
  const [match, ...more] = findWaiting(store).filter(({ name, namespace }) =>
    [name, `${namespace}/${name}`].includes(volume),
  );
  if (match === undefined) {
    const message = `no data volume "${volume}" with the source upload is on this box`;
    throw new EffectError('NotFound', volume, message);
  }
  if (more.length > 0) {
    throw new EffectError(
      'Ambiguous',
      volume,
      `"${volume}" is in several namespaces: give the namespace too`,
    );
  }
  const observed = (await machines.observe()).find(({ uid }) => uid === match.uid);
  // What came later would never be looked at: a disk that is there is the guest's.
  if (observed?.disks.includes(match.name) === true) {
    throw new EffectError(
      'AlreadyFilled',
      volume,
      `"${volume}" has been filled, and its disk is kept as it is`,
    );
  }
  await images.upload(match.source, content);
}

interface Waiting {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly source: ImageSource;
}

function findWaiting(store: Store): Waiting[] {
  return store.machines().flatMap(({ uid, desired }) => {
    const wanted = readWanted(desired);
    if (wanted?.kind !== 'machine' && wanted?.kind !== 'volume') return [];
    const { namespace } = wanted.desired;
    return imagesOf(wanted.kind === 'machine' ? wanted.compiled : wanted.content).flatMap(
      ({ source, dataVolume }) =>
        source.url.startsWith('upload:') && dataVolume !== undefined
          ? [{ uid, namespace, name: dataVolume, source }]
          : [],
    );
  });
}
