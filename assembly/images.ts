/**
 * Square windows over images [images, height, width, channels]. A window's places are its rows of pixels, one after the
 * other; outHeight · outWidth windows an image.
 */
import { LANES, vadd, vloadPart, vmax, vsplat, vstorePart } from './lanes';
import { shareStart } from './share';

/** patches[windows, kernel·kernel·channels]; shares are of windows. */
export function unfold(
  x: usize, patches: usize, images: i32, height: i32, width: i32, channels: i32, kernel: i32, stride: i32, padding: i32,
  outHeight: i32, outWidth: i32, ith: i32, nth: i32,
): void {
  const pixel = <usize>channels << 2;
  const line = <usize>kernel * pixel;
  const windows = images * outHeight * outWidth;
  const end = shareStart(windows, 1, ith + 1, nth);
  for (let window = shareStart(windows, 1, ith, nth); window < end; window++) {
    const image = window / (outHeight * outWidth);
    const top = ((window / outWidth) % outHeight) * stride - padding;
    const left = (window % outWidth) * stride - padding;
    // Pixels of a window's row that lie on the image are neighbours there.
    const skipped = min(kernel, max(0, -left));
    const copied = max(0, min(kernel, width - left) - skipped);
    let to = patches + <usize>window * <usize>kernel * line;
    for (let row = top; row < top + kernel; row++, to += line) {
      if (row < 0 || row >= height) {
        memory.fill(to, 0, line);
        continue;
      }
      const from = x + <usize>((image * height + row) * width + left + skipped) * pixel;
      memory.fill(to, 0, <usize>skipped * pixel);
      memory.copy(to + <usize>skipped * pixel, from, <usize>copied * pixel);
      memory.fill(to + <usize>(skipped + copied) * pixel, 0, <usize>(kernel - skipped - copied) * pixel);
    }
  }
}

/** The first window whose side of `kernel` reaches `position`, counted with the padding. */
// @ts-ignore: decorator
@inline function firstWindow(position: i32, kernel: i32, stride: i32): i32 {
  return max(0, (position - kernel + stride) / stride);
}

/** x = the sum of every pixel's places in patches; shares are of pixels. */
export function fold(
  patches: usize, x: usize, images: i32, height: i32, width: i32, channels: i32, kernel: i32, stride: i32, padding: i32,
  outHeight: i32, outWidth: i32, ith: i32, nth: i32,
): void {
  const pixel = <usize>channels << 2;
  const patch = <usize>(kernel * kernel) * pixel;
  const pixels = images * height * width;
  const end = shareStart(pixels, 1, ith + 1, nth);
  for (let at = shareStart(pixels, 1, ith, nth); at < end; at++) {
    const image = at / (height * width);
    const row = ((at / width) % height) + padding;
    const column = (at % width) + padding;
    const firstDown = firstWindow(row, kernel, stride), endDown = min(outHeight, row / stride + 1);
    const firstAcross = firstWindow(column, kernel, stride), endAcross = min(outWidth, column / stride + 1);
    const to = x + <usize>at * pixel;
    for (let c = 0; c < channels; c += LANES) {
      let sum = vsplat(0);
      for (let down = firstDown; down < endDown; down++) {
        for (let across = firstAcross; across < endAcross; across++) {
          const place = (row - down * stride) * kernel + column - across * stride;
          const from = patches + <usize>((image * outHeight + down) * outWidth + across) * patch + <usize>place * pixel;
          sum = vadd(sum, vloadPart(from + (<usize>c << 2), channels - c, 0));
        }
      }
      vstorePart(to + (<usize>c << 2), sum, channels - c);
    }
  }
}

/** y[windows, channels] = the largest value of every window; shares are of windows. */
export function maxPool(
  x: usize, y: usize, images: i32, height: i32, width: i32, channels: i32, kernel: i32, stride: i32, padding: i32,
  outHeight: i32, outWidth: i32, ith: i32, nth: i32,
): void {
  const pixel = <usize>channels << 2;
  const windows = images * outHeight * outWidth;
  const end = shareStart(windows, 1, ith + 1, nth);
  for (let window = shareStart(windows, 1, ith, nth); window < end; window++) {
    const image = window / (outHeight * outWidth);
    const top = ((window / outWidth) % outHeight) * stride - padding;
    const left = (window % outWidth) * stride - padding;
    for (let c = 0; c < channels; c += LANES) {
      let best = vsplat(-Infinity);
      for (let row = max(0, top); row < min(height, top + kernel); row++) {
        for (let column = max(0, left); column < min(width, left + kernel); column++) {
          const from = x + <usize>((image * height + row) * width + column) * pixel;
          best = vmax(best, vloadPart(from + (<usize>c << 2), channels - c, -Infinity));
        }
      }
      vstorePart(y + <usize>window * pixel + (<usize>c << 2), best, channels - c);
    }
  }
}

/** Channels that a thread takes at once. */
const CHANNELS: i32 = 16;

/** dx = dy at the largest value of each window, the first of equal ones; shares are of images and channels. */
export function maxPoolBackward(
  x: usize, dy: usize, dx: usize, images: i32, height: i32, width: i32, channels: i32, kernel: i32, stride: i32,
  padding: i32, outHeight: i32, outWidth: i32, ith: i32, nth: i32,
): void {
  const strips = (channels + CHANNELS - 1) / CHANNELS;
  for (let unit = ith; unit < images * strips; unit += nth) {
    const image = unit / strips;
    const first = (unit % strips) * CHANNELS;
    const count = min(CHANNELS, channels - first);
    const pixels = <usize>(image * height * width) * <usize>channels * 4 + (<usize>first << 2);
    for (let at = 0; at < height * width; at++) {
      memory.fill(dx + pixels + <usize>at * <usize>channels * 4, 0, <usize>count << 2);
    }
    for (let down = 0; down < outHeight; down++) {
      for (let across = 0; across < outWidth; across++) {
        const top = down * stride - padding, left = across * stride - padding;
        const window = (image * outHeight + down) * outWidth + across;
        const gradients = dy + (<usize>window * <usize>channels + <usize>first) * 4;
        for (let c: usize = 0; c < <usize>count * 4; c += 4) {
          const at = largestPixel(x + pixels + c, height, width, channels, kernel, top, left);
          const to = dx + pixels + c + <usize>at * <usize>channels * 4;
          store<f32>(to, load<f32>(to) + load<f32>(gradients + c));
        }
      }
    }
  }
}

/** Number of the pixel with the largest value of a window, the first of equal ones, or the first NaN. */
function largestPixel(x: usize, height: i32, width: i32, channels: i32, kernel: i32, top: i32, left: i32): i32 {
  let best = -1;
  let most: f32 = 0;
  for (let row = max(0, top); row < min(height, top + kernel); row++) {
    for (let column = max(0, left); column < min(width, left + kernel); column++) {
      const value = load<f32>(x + <usize>((row * width + column) * channels) * 4);
      if (best < 0 || value > most || (value != value && most == most)) {
        best = row * width + column;
        most = value;
      }
    }
  }
  return best;
}
