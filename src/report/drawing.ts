import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';

/*
 * Charts are drawn when the report is written, so that the page needs no script. Colours are the page's CSS variables:
 * light and dark are one drawing.
 */

const document = parseHTML('<!doctype html><html><body></body></html>').document as unknown as Document;

export const PREDICTED = 'var(--predicted)';
export const MEASURED = 'var(--measured)';
export const PEER = 'var(--peer)';

/** A drawing as inline SVG. @param label what it shows, for those who do not see it */
export function draw(label: string, options: Plot.PlotOptions): string {
  const chart = Plot.plot({
    document,
    style: { background: 'none', fontSize: '12px', overflow: 'visible' },
    ...options,
  });
  chart.setAttribute('role', 'img');
  chart.setAttribute('aria-label', label);
  // Plot styles by a class of its own in a <style> per chart; the page's stylesheet says the same once.
  for (const style of chart.querySelectorAll('style')) style.remove();
  return chart.outerHTML.replace(/ xmlns(:\w+)?="[^"]*"/g, '');
}

/** Digits of each decade in [least, most]; default 1, 2 and 5. */
export function logTicks(least: number, most: number, digits: readonly number[] = [1, 2, 5]): number[] {
  const ticks: number[] = [];
  for (let decade = Math.floor(Math.log10(least)); decade <= Math.log10(most); decade++)
    for (const digit of digits) ticks.push(Number(`${digit}e${decade}`));
  return ticks.filter((tick) => tick >= least && tick <= most);
}

/** How wide a drawing is: for desktops, and for a phone's 390 px less the page's margins. */
export type Width = 'wide' | 'narrow';

/** Both drawings; the stylesheet shows the one that fits. */
export function bothWidths(chart: (width: Width) => string): string {
  const wide = chart('wide');
  return wide === '' ? '' : `<div class="wide">${wide}</div><div class="narrow">${chart('narrow')}</div>`;
}
