import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { TestApi } from './start-api.ts';
import { ALL_VMS, VMS, machine, startApi } from './start-api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

/** What comes back for bytes that no HTTP library would send. */
function sendRaw(text: string): Promise<string> {
  const [host = '', port = ''] = api.address.split(':');
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(Number(port), host, () => socket.end(text));
    socket.setEncoding('utf8').on('data', (part: string) => (answer += part));
    socket.on('error', reject).on('close', () => resolve(answer));
  });
}

test.each<[string, unknown, string, number]>([
  ['no JSON', '{"a":', 'application/json', 400],
  ['nothing', '', 'application/json', 400],
  ['null', 'null', 'application/json', 400],
  ['a list', '[]', 'application/json', 400],
  ['another kind', { ...machine('a'), kind: 'Device' }, 'application/json', 400],
  ['another version', { ...machine('a'), apiVersion: 'v1' }, 'application/json', 400],
  ['another namespace', machine('a', { namespace: 'other' }), 'application/json', 400],
  ['a namespace that is no text', machine('a', { namespace: 5 }), 'application/json', 400],
  ['metadata that is no object', { ...machine('a'), metadata: 'x' }, 'application/json', 400],
  ['a name that is no text', machine('a', { name: { a: 1 } }), 'application/json', 422],
  ['a name that is a path', machine('../../etc'), 'application/json', 422],
  ['a version to begin with', machine('a', { resourceVersion: '5' }), 'application/json', 400],
  ['a prototype', '{"metadata":{"name":"a"},"__proto__":{"x":1}}', 'application/json', 422],
  ['a deep hole', '['.repeat(200_000), 'application/json', 400],
  ['a deep hole in YAML', '['.repeat(20_000), 'application/yaml', 400],
  ['two documents', 'a: 1\n---\nb: 2\n', 'application/yaml', 400],
  [
    'many laughs',
    `a: &a [x,x]\n${'bcdefghijklmnopqrstuvwxyz'.replaceAll(/./g, (letter, at) => `${letter}: &${letter} [${`*${'abcdefghijklmnopqrstuvwxyz'[Number(at)]},`.repeat(9)}]\n`)}`,
    'application/yaml',
    400,
  ],
  ['a form', 'a=b', 'application/x-www-form-urlencoded', 415],
  ['a broken protobuf', 'k8s\0\xff\xff\xff', 'application/vnd.kubernetes.protobuf', 400],
  ['a protobuf of something else', 'hello', 'application/vnd.kubernetes.protobuf', 400],
])('a body that is %s is refused', async (_what, body, type, code) => {
  const answer = await api.call('POST', VMS, body, { 'content-type': type });
  expect([answer.code, answer.body.kind]).toEqual([code, 'Status']);
});

test('a body of more than 3 MiB is refused, one of less is read', async () => {
  const annotated = (bytes: number) => machine('large', { annotations: { a: 'x'.repeat(bytes) } });
  const large = await api.call('POST', VMS, annotated(3 * 1024 * 1024));
  expect([large.code, large.body.reason]).toEqual([413, 'RequestEntityTooLarge']);
  expect((await api.call('POST', VMS, annotated(2 * 1024 * 1024))).code).toBe(201);
});

test.each([
  ['DELETE', '/apis', 405],
  ['POST', ALL_VMS, 405],
  ['POST', `${VMS}/a`, 405],
  ['PUT', VMS, 405],
  ['OPTIONS', VMS, 405],
  ['GET', `${ALL_VMS}/a`, 404],
  ['GET', '/apis/holdfast.dev/v1alpha1/namespaces/default/devices', 404],
  ['GET', `${VMS}/a/scale`, 404],
  ['GET', `${VMS}/a/status/more`, 404],
  ['GET', '/apis/kubevirt.io/v1/constructor', 404],
  ['GET', '/apis/__proto__/v1', 404],
  ['GET', '/openapi/v3/apis/nope/v1', 404],
  ['GET', '//evil.example/apis', 404],
  ['GET', `${VMS}/%ff`, 400],
  ['GET', `${VMS}?watch=1&timeoutSeconds=-1`, 400],
  ['GET', `${VMS}?watch=1&resourceVersion=abc`, 400],
])('%s %s is answered with %d', async (method, path, code) => {
  const answer = await api.call(method, path);
  expect([answer.code, answer.body.kind]).toEqual([code, 'Status']);
});

test('bytes that are no HTTP get an answer and do no harm', async () => {
  expect(await sendRaw('hello\r\n\r\n')).toContain('400');
  expect(await sendRaw(`GET ${VMS} HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n`)).toContain('400');
  expect(await sendRaw(`BREW ${VMS} HTTP/1.1\r\nHost: x\r\n\r\n`)).toContain('400');
  // A body that is broken off.
  await sendRaw(`POST ${VMS} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"a"`);
  const badType = await api.call('POST', VMS, machine('a'), { 'content-type': 'no type' });
  expect(badType.code).toBeGreaterThanOrEqual(400);
  expect((await api.call('GET', '/healthz')).code).toBe(200);
});

test('a failure of the hub itself is logged, and told without its insides', async () => {
  const store: TestApi['store'] = {
    ...api.store,
    read: (work) =>
      api.store.read((tables) =>
        work({
          ...tables,
          objects: { ...tables.objects, page: () => Promise.reject(new Error('secret path /x')) },
        }),
      ),
  };
  const failing = await startApi({ store });
  const { code, body } = await failing.call('GET', VMS);
  expect([code, body.reason]).toEqual([500, 'InternalError']);
  expect(JSON.stringify(body)).not.toContain('secret');
  expect(failing.errors).toMatchObject([{ err: { message: 'secret path /x' } }]);
  await failing.close();
});

test('nothing of all that was the fault of the hub', () => {
  expect(api.errors).toEqual([]);
});
