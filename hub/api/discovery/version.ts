/** The Kubernetes API that is spoken here; clients compare it with their own and with what charts ask for. */
const MAJOR = '1';
const MINOR = '35';

/** The KubeVirt whose format and subresources these are. */
const KUBEVIRT = '1.9.0';

/** `/version`, after apimachinery's `version.Info`. */
export function compileVersion(version: string): object {
  return { major: MAJOR, minor: MINOR, ...compileBuild(`${MAJOR}.${MINOR}.0`, version) };
}

/** The same of KubeVirt, whose clients warn where it is not their own. */
export function compileKubevirtVersion(version: string): object {
  return compileBuild(KUBEVIRT, version);
}

function compileBuild(spoken: string, version: string): object {
  return {
    gitVersion: `v${spoken}+holdfast-${version}`,
    gitCommit: '',
    gitTreeState: '',
    buildDate: '1970-01-01T00:00:00Z',
    goVersion: '',
    compiler: '',
    platform: '',
  };
}
