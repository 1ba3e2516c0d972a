import 'uplot/dist/uPlot.min.css';
import { useEffect, useMemo, useRef } from 'react';
import uPlot from 'uplot';
import { useThemeName } from '@/lib/theme';

interface Props {
  times: readonly number[];
  values: readonly number[];
  format: (value: number) => string;
  /** Drawn as a line when it is near what is used. */
  limit: number | null;
  /** The scale has steps of powers of two, as bytes have. */
  binary?: boolean;
  /** The scale never ends below this, so that noise looks like noise. */
  floor: number;
  label: string;
}

const HEIGHT = 180;
const POWERS = Array.from({ length: 44 }, (_, n) => 2 ** n);

/** The range of the samples, never less than a minute; before the first one, the minute that ends now. */
function lastMinute(low: number | null, high: number | null): [number, number] {
  const end = high ?? Date.now() / 1000;
  return [Math.min(low ?? end, end - 60), end];
}

/** Figures over time; the newest is also written in words for those who cannot see it. */
export function Chart({ times, values, format, limit, floor, binary, label }: Props) {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const theme = useThemeName();
  const top = Math.max(floor, ...values) * 1.15;
  const shownLimit = limit !== null && limit < top * 3 ? limit : null;
  const scaleTop = shownLimit === null ? top : Math.max(top, shownLimit * 1.08);
  const data = useMemo(
    () => [times as number[], values as number[], times.map(() => shownLimit)] as uPlot.AlignedData,
    [times, values, shownLimit],
  );
  const latest = useRef({ scaleTop, format, data });
  useEffect(() => {
    latest.current = { scaleTop, format, data };
    plot.current?.setData(data);
  }, [scaleTop, format, data]);

  useEffect(() => {
    const element = place.current!;
    const style = getComputedStyle(document.documentElement);
    const token = (name: string) => style.getPropertyValue(name).trim();
    const axis = {
      stroke: token('--muted'),
      grid: { stroke: token('--line'), width: 1 },
      ticks: { show: false },
      font: "12px 'JetBrains Mono Variable', monospace",
    };
    const made = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        legend: { show: false },
        cursor: { points: { show: false }, drag: { x: false, y: false } },
        scales: {
          // At least a minute, so that the first samples look like a beginning.
          x: { range: (_, low, high) => lastMinute(low, high) },
          y: { range: () => [0, latest.current.scaleTop] },
        },
        axes: [
          {
            ...axis,
            size: 28,
            values: (_, ticks) =>
              ticks.map((tick) =>
                new Date(tick * 1000).toLocaleTimeString(undefined, {
                  hour12: false,
                  minute: '2-digit',
                  second: '2-digit',
                  hour: '2-digit',
                }),
              ),
            space: 90,
            incrs: [5, 10, 15, 30, 60, 120, 300],
          },
          {
            ...axis,
            size: 84,
            values: (_, ticks) => ticks.map((tick) => latest.current.format(tick)),
            space: 40,
            ...(binary ? { incrs: POWERS } : {}),
          },
        ],
        series: [
          {},
          { stroke: token('--accent'), width: 1.5, fill: `${token('--accent')}22`, points: { show: false } },
          { stroke: token('--waiting'), width: 1, dash: [4, 4], points: { show: false } },
        ],
      },
      latest.current.data,
      element,
    );
    plot.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
    // A canvas holds colours, not variables: another theme is another plot.
    // oxlint-disable-next-line react/exhaustive-effect-dependencies
  }, [theme, binary]);

  const last = values.at(-1);
  return (
    <div
      role="img"
      aria-label={`${label}: ${last === undefined ? 'no sample yet' : `now ${format(last)}`}`}
      className="rounded-lg border border-line bg-surface p-2"
    >
      <div ref={place} style={{ height: HEIGHT }} />
    </div>
  );
}
