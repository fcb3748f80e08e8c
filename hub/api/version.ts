/** The Kubernetes API that is spoken here; clients compare it with their own and with what charts ask for. */
const MAJOR = '1';
const MINOR = '35';

/** `/version`, after apimachinery's `version.Info`. */
export function compileVersion(version: string): object {
  return {
    major: MAJOR,
    minor: MINOR,
    gitVersion: `v${MAJOR}.${MINOR}.0+holdfast-${version}`,
    gitCommit: '',
    gitTreeState: '',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: '',
    compiler: '',
    platform: '',
  };
}
