// The picture of the README: the plots and masks of the report of `demo:unet --seeds 1,2,3`.
import { takePicture } from '@polyak/example-shared/take-picture';

await takePicture(
  new URL('../output/report.html', import.meta.url),
  new URL('../../../docs/images/unet.png', import.meta.url),
  'main > :not(.plots, :has(.masks))',
);
