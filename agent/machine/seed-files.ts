import type { DesiredMachine } from '../../shared/model/machine.ts';
import type { Volume } from '../../shared/model/volume/volume.ts';
import type { SeedFile, SeedImage } from './seed.ts';

/** KubeVirt's labels. */
const DEFAULT_LABEL = 'cfgdata';
const SYSPREP_LABEL = 'unattendCD';

/** What a key of a ConfigMap or Secret may be (Kubernetes' `IsConfigMapKey`): it becomes the name of a file. */
const KEY = /^(?!\.\.)(?!\.$)[-._a-zA-Z0-9]{1,253}$/;
/** Either of these, however it is written, is what Windows' set-up looks for. */
const ANSWERS = /^(?:auto)?unattend\.xml$/i;

/** The files of a `configMap`, `secret`, `sysprep` or `downwardAPI` volume. */
export function compileFiles(volume: Volume, desired: DesiredMachine): SeedImage {
  const { configMap, secret, sysprep, downwardAPI } = volume;
  const { configMaps = {}, secrets = {} } = desired.references ?? {};
  const read = (what: 'ConfigMap' | 'Secret', name: string, optional = false): SeedFile[] => {
    const object = what === 'Secret' ? secrets[name] : configMaps[name];
    if (object !== undefined) return readKeys(object, volume.name, `${what} ${name}`);
    if (optional) return [];
    throw new Error(`volume ${volume.name}: there is no ${what} ${name}`);
  };
  if (configMap !== undefined) {
    const files = read('ConfigMap', configMap.name, configMap.optional);
    return { label: configMap.volumeLabel ?? DEFAULT_LABEL, files };
  }
  if (secret !== undefined) {
    const files = read('Secret', secret.secretName, secret.optional);
    return { label: secret.volumeLabel ?? DEFAULT_LABEL, files };
  }
  if (sysprep !== undefined) {
    const [what, name] =
      sysprep.secret === undefined
        ? (['ConfigMap', sysprep.configMap?.name ?? ''] as const)
        : (['Secret', sysprep.secret.name] as const);
    const files = read(what, name);
    if (files.some(({ path }) => ANSWERS.test(path))) return { label: SYSPREP_LABEL, files };
    throw new Error(`volume ${volume.name}: ${what} ${name} has neither autounattend.xml nor unattend.xml`);
  }
  const files = (downwardAPI?.fields ?? []).map(({ path, fieldRef }): SeedFile => {
    const content = fieldRef === undefined ? '' : readField(fieldRef.fieldPath, desired);
    return { path, content, encoding: 'utf8' };
  });
  return { label: downwardAPI?.volumeLabel ?? DEFAULT_LABEL, files };
}

function readKeys(
  {
    data = {},
    binaryData = {},
  }: { data?: Record<string, string> | undefined; binaryData?: Record<string, string> | undefined },
  volume: string,
  subject: string,
): SeedFile[] {
  const isSecret = subject.startsWith('Secret ');
  const files = [
    ...Object.entries(data).map(([path, content]): SeedFile => ({
      path,
      content,
      encoding: isSecret ? 'base64' : 'utf8',
    })),
    ...Object.entries(binaryData).map(([path, content]): SeedFile => ({ path, content, encoding: 'base64' })),
  ];
  const odd = files.find(({ path }) => !KEY.test(path));
  if (odd === undefined) return files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
  throw new Error(
    `volume ${volume}: key ${JSON.stringify(odd.path)} of ${subject} can't be the name of a file`,
  );
}

/** A field as Kubernetes' downward API writes it: a map is a line `key="value"` for each key, in their order. */
function readField(path: string, desired: DesiredMachine): string {
  const { namespace, name, uid } = desired;
  const maps = { labels: desired.labels ?? {}, annotations: desired.annotations ?? {} };
  const [, field = '', key] = /^metadata\.(\w+)(?:\['(.*)'\])?$/.exec(path) ?? [];
  if (field !== 'labels' && field !== 'annotations') return { namespace, name, uid }[field] ?? '';
  const map: Readonly<Record<string, string>> = maps[field];
  if (key !== undefined) return map[key] ?? '';
  const lines = Object.keys(map)
    .toSorted()
    .map((one) => `${one}=${JSON.stringify(map[one])}\n`);
  return lines.join('');
}
