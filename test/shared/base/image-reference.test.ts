import { expect, test } from 'vitest';
import { formatImageReference, parseImageReference } from '../../../shared/base/image-reference.ts';

const DIGEST = `sha256:${'ab'.repeat(32)}`;

test.each([
  ['debian', 'docker.io/library/debian:latest'],
  ['kubevirt/cirros-registry-disk-demo', 'docker.io/kubevirt/cirros-registry-disk-demo:latest'],
  ['index.docker.io/debian:12', 'docker.io/library/debian:12'],
  ['registry:5000/kubevirt/cirros:devel', 'registry:5000/kubevirt/cirros:devel'],
  ['localhost/disk', 'localhost/disk:latest'],
  ['quay.io/a/b/c:v1.2_3', 'quay.io/a/b/c:v1.2_3'],
  [`quay.io/a/b@${DIGEST}`, `quay.io/a/b@${DIGEST}`],
  [`quay.io/a/b:v1@${DIGEST}`, `quay.io/a/b:v1@${DIGEST}`],
  ['[::1]:5000/disk:1', '[::1]:5000/disk:1'],
])('%s is %s', (text, full) => {
  const reference = parseImageReference(text);
  expect(reference === undefined ? undefined : formatImageReference(reference)).toBe(full);
});

test.each([
  '',
  'Debian',
  'a//b',
  'a/../b',
  'a:b:c',
  'a@sha256:12',
  'docker://a',
  'a b',
  'quay.io/',
  'quay.io/a:',
  '-a',
])('%j is none', (text) => expect(parseImageReference(text)).toBeUndefined());
