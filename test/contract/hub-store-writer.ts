import process from 'node:process';
import { createStore } from '../../hub/store/store.ts';

/**
 * Writes objects to the store at the path in its first argument, one transaction each, and says so on standard
 * output after each; then holds one transaction open. Made to be killed.
 */
const [path = ''] = process.argv.slice(2);
const store = await createStore(path);

async function write(index: number, after: () => Promise<void>): Promise<void> {
  await store.transaction(async ({ objects }) => {
    const name = `object-${index}`;
    const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
    await objects.put({ kind: '/Namespace', namespace: '', name }, object);
    await after();
  });
}

for (let index = 0; index < 20; index += 1) {
  await write(index, async () => {});
  process.stdout.write(`${index}\n`);
}
await write(20, async () => {
  process.stdout.write('open\n');
  await new Promise<void>((resolve) => setTimeout(resolve, 60_000));
});
