/** A drawing's size in pixels, and what its axes span: x linear, y logarithmic. */
export interface Frame {
  readonly width: number;
  readonly height: number;
  readonly marginLeft: number;
  readonly marginRight: number;
  readonly marginTop: number;
  readonly marginBottom: number;
  readonly x: readonly number[];
  readonly y: readonly number[];
}

export interface Labelled {
  readonly x: number;
  readonly y: number;
  readonly text: string;
}

/** Where a label stands, relative to its point, in pixels. */
export interface Place {
  readonly dx: number;
  readonly dy: number;
  readonly textAnchor: 'start' | 'end';
}

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Of a label's font, in pixels: mean width of a letter, height of a line. */
const LETTER = 6.6;
const LINE = 14;
/** Half the side of what marks a point. */
const MARK = 7;

/** Places tried in turn: above and below on the right, then on the left, then farther away. */
const PLACES: readonly Place[] = [-9, 10, -24, 24, -38, 38].flatMap((dy): Place[] => [
  { dx: 9, dy, textAnchor: 'start' },
  { dx: -9, dy, textAnchor: 'end' },
]);

/** A place for every label, the first ones first, that runs neither over another label or point nor over the edge. */
export function placeLabels(labels: readonly Labelled[], frame: Frame): Place[] {
  const points = labels.map((label) => pixelOf(label, frame));
  const taken: Box[] = points.map(([x, y]) => ({ left: x - MARK, right: x + MARK, top: y - MARK, bottom: y + MARK }));
  return labels.map(({ text }, i) => {
    const boxes = PLACES.map((place) => boxOf(points[i], text, place));
    const free = boxes.findIndex((box) => isInside(box, frame) && !taken.some((other) => overlap(box, other)));
    const chosen = Math.max(0, free);
    taken.push(boxes[chosen]);
    return PLACES[chosen];
  });
}

function pixelOf({ x, y }: Labelled, frame: Frame): readonly [number, number] {
  const { width, height, marginLeft, marginRight, marginTop, marginBottom } = frame;
  const across = (x - frame.x[0]) / (frame.x[1] - frame.x[0]);
  const up = Math.log(y / frame.y[0]) / Math.log(frame.y[1] / frame.y[0]);
  return [
    marginLeft + across * (width - marginLeft - marginRight),
    height - marginBottom - up * (height - marginTop - marginBottom),
  ];
}

function boxOf([x, y]: readonly [number, number], text: string, { dx, dy, textAnchor }: Place): Box {
  const wide = LETTER * text.length;
  const left = textAnchor === 'start' ? x + dx : x + dx - wide;
  return { left, right: left + wide, top: y + dy - LINE / 2, bottom: y + dy + LINE / 2 };
}

function isInside({ left, right, top }: Box, { width }: Frame): boolean {
  return left >= 0 && right <= width && top >= 0;
}

function overlap(a: Box, b: Box): boolean {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}
