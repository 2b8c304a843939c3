// What equal headers have in common: checkpoints of one run have the same tensors.
import { HeaderCache as FileHeaders } from '@polyak/safetensors';
import type { StoredTensor } from '@polyak/safetensors';
import type { TensorPlace } from '../checkpoint.js';

/**
 * Lets checkpoints with equal headers share the map of their tensors: the header of the first is
 * parsed, those of the others are only compared. For checkpoints that are opened together.
 */
export class HeaderCache {
  /** The headers of single files. */
  readonly files: FileHeaders = new FileHeaders();
  readonly #known: {
    readonly files: readonly ReadonlyMap<string, StoredTensor>[];
    readonly places: Places;
  }[] = [];

  /**
   * The tensors of a checkpoint.
   *
   * @param files - the tensors of each of its files
   * @internal
   */
  places(files: readonly ReadonlyMap<string, StoredTensor>[]): Places {
    const found = this.#known.find(
      (known) =>
        known.files.length === files.length && known.files.every((file, n) => file === files[n]),
    );
    if (found !== undefined) return found.places;
    const places = placesOf(files);
    this.#known.push({ files, places });
    return places;
  }
}

type Places = ReadonlyMap<string, TensorPlace>;

function placesOf(files: readonly ReadonlyMap<string, StoredTensor>[]): Places {
  const places = new Map<string, TensorPlace>();
  for (const [file, tensors] of files.entries()) {
    for (const [name, { dtype, shape, begin, end }] of tensors)
      places.set(name, { dtype, shape, file, begin, byteLength: end - begin });
  }
  return places;
}
