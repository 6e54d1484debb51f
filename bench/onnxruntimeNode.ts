import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let installed: string | undefined;

/**
 * The folder of onnxruntime-node, which is no dependency, since it has 288 MB: installed into a temporary folder on the first call, in
 * onnxruntime-web's version and without its install script, which would download a GPU's binaries. It is removed when the process ends.
 *
 * @throws Error with npm's last line when it cannot be installed.
 */
export function onnxruntimeNode(): string {
  if (installed) return installed;
  const manifest = new URL('../node_modules/onnxruntime-web/package.json', import.meta.url);
  const { version } = JSON.parse(readFileSync(manifest, 'utf8'));
  const folder = mkdtempSync(join(tmpdir(), 'vgg-bench-onnxruntime-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const flags = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', '--prefix', folder];
  const { status, stderr } = spawnSync('npm', ['install', ...flags, `onnxruntime-node@${version}`], {
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  if (status !== 0) throw new Error(`npm could not install it: ${stderr.trim().split('\n')[0]}`);
  installed = join(folder, 'node_modules/onnxruntime-node');
  return installed;
}
