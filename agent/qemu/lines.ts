const NEWLINE = 0x0a;

/**
 * Cuts a stream of bytes into lines, however it arrives in pieces. `onLine` gets each without its newline;
 * `onTooLong` is called once a line outgrows `mostBytes`, and nothing after it is read.
 */
export function createLineSplitter(mostBytes: number, onLine: (line: Buffer) => void, onTooLong: () => void) {
  let pieces: Buffer[] = [];
  let held = 0;
  let stopped = false;
  return (chunk: Buffer) => {
    let rest = chunk;
    for (let end = rest.indexOf(NEWLINE); end >= 0 && !stopped; end = rest.indexOf(NEWLINE)) {
      const line = Buffer.concat([...pieces, rest.subarray(0, end)]);
      pieces = [];
      held = 0;
      rest = rest.subarray(end + 1);
      onLine(line);
    }
    if (stopped || rest.length === 0) return;
    held += rest.length;
    if (held <= mostBytes) {
      pieces.push(rest);
      return;
    }
    stopped = true;
    pieces = [];
    onTooLong();
  };
}
