// The files of a folder that a model may refer to.
import { realpath, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { isInFolder } from './external-place.js';

/** Where the files that a model refers to may be. */
export interface DataFolder {
  /** The folders to which locations are relative; the first that has the file counts. */
  readonly paths: readonly string[];
  /** The folders that a location may lead to after links are followed; none is a link. */
  readonly roots: readonly string[];
}

/**
 * The folder of a model file.
 *
 * @param path - of the model
 * @returns its folder; where the file is a link, as in the cache of a model hub, also the folder of
 * the file that it leads to
 */
export async function folderOfModel(path: string): Promise<DataFolder> {
  const target = dirname(await realpath(path));
  return { paths: [dirname(path), target], roots: [await realpath(dirname(path)), target] };
}

/**
 * A folder that the user named.
 *
 * @param path - of the folder
 */
export async function namedFolder(path: string): Promise<DataFolder> {
  return { paths: [path], roots: [await realpath(path)] };
}

/**
 * The path of a file that a model refers to.
 *
 * @param folder - where it may be
 * @param location - as it stands in the model
 * @returns the path, free of links
 * @throws RangeError where the location leads out of the folder, and TypeError where it is not a
 * file
 */
export async function fileInside({ paths, roots }: DataFolder, location: string): Promise<string> {
  if (!isInFolder(location)) {
    throw new RangeError('it leads out of the folder of the model, which is refused');
  }
  const target = await firstExisting(paths.map((path) => join(path, location)));
  if (!roots.some((root) => isInside(root, target))) {
    throw new RangeError(
      `it is a link out of the folder of the model, to ${target}, which is refused`,
    );
  }
  // Opening a pipe could wait for ever.
  const status = await stat(target);
  if (!status.isFile()) throw new TypeError('it is not a file');
  return target;
}

async function firstExisting([path = '', ...others]: readonly string[]): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    if (others.length === 0) throw error;
    return await firstExisting(others);
  }
}

function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}
