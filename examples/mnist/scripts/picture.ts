// The picture of the README: the first two plots of the report of `demo --backend wasm`.
import { takePicture } from '@polyak/example-shared/take-picture';

await takePicture(
  new URL('../output/report.html', import.meta.url),
  new URL('../../../docs/images/report.png', import.meta.url),
  'main > :not(.plots), figure:nth-of-type(n + 3)',
);
