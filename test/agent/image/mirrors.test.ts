import { expect, test } from 'vitest';
import { resolveEndpoint } from '../../../agent/image/registry/mirrors.ts';
import { mirrors } from '../../../shared/config/mirrors.ts';
import { parseImageReference } from '../../../shared/base/image-reference.ts';

const { parse } = mirrors({ prose: '' });

const SETTING =
  'registry:5000/kubevirt=https://mirror.shop.example/kv, docker.io=http://10.0.0.1:5000,docker.io/library=https://hub.shop.example';

test.each([
  ['registry:5000/kubevirt/cirros:devel', 'https://mirror.shop.example', 'kv/cirros'],
  ['registry:5000/kubevirt2/cirros', 'https://registry:5000', 'kubevirt2/cirros'],
  ['registry:5000/other', 'https://registry:5000', 'other'],
  ['debian', 'https://hub.shop.example', 'debian'],
  ['kubevirt/cirros', 'http://10.0.0.1:5000', 'kubevirt/cirros'],
  ['quay.io/a/b', 'https://quay.io', 'a/b'],
  ['127.0.0.1:5000/a', 'http://127.0.0.1:5000', 'a'],
  ['localhost/a', 'http://localhost', 'a'],
])('%s is asked for at %s as %s', (image, origin, repository) => {
  const reference = parseImageReference(image);
  if (reference === undefined) throw new Error('no image');
  expect(resolveEndpoint(reference, parse(SETTING))).toMatchObject({ origin, repository });
});

test.each([
  ['registry:5000', /must be PREFIX=URL/],
  ['registry:5000=mirror', /must lead to https/],
  ['registry:5000=https://me:secret@mirror', /without a login/],
  ['kubevirt=https://mirror', /prefix such as docker\.io/],
  ['docker.io=ftp://mirror', /must lead to https/],
])('%s is refused', (text, why) => expect(() => parse(text)).toThrow(why));

test('nothing is no mirror', () => expect(parse('')).toEqual([]));
