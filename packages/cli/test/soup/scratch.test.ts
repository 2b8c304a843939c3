import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { hostname } from 'node:os';
import process from 'node:process';
import { expect, it } from 'vitest';
import { scratchFolder } from '#soup/scratch';
import { Folder } from '../files.js';

it('removes the folders of processes of this machine that have ended', async () => {
  const folder = new Folder();
  const { pid: ended } = spawnSync(process.execPath, ['-e', '0']);
  const left = [ended, process.pid].map((pid) => `.polyak-soup-${pid}-${hostname()}-aB3dEf`);
  const others = [
    `.polyak-soup-${process.ppid}-${hostname()}-aB3dEf`,
    `.polyak-soup-${ended}-not.${hostname()}-aB3dEf`,
    '.polyak-soup-notes',
  ];
  for (const name of [...left, ...others]) {
    mkdirSync(folder.at(name));
    mkdirSync(folder.at(`${name}/candidate`));
  }
  const path = await scratchFolder(folder.path);
  const names = readdirSync(folder.path).map((name) => folder.at(name));
  expect(names.toSorted()).toEqual([path, ...others.map((name) => folder.at(name))].toSorted());
  expect(readdirSync(path)).toEqual([]);
});
