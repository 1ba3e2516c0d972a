interface Props {
  values: readonly number[];
  /** The value at the top; the largest shown when it is absent or smaller. */
  top?: number;
  width?: number;
  height?: number;
  className?: string;
}

/** A small line of figures; the figure itself is written beside it, so it is hidden from readers of the screen. */
export function Sparkline({ values, top = 0, width = 64, height = 18, className = 'text-accent' }: Props) {
  if (values.length < 2) return <svg width={width} height={height} aria-hidden="true" />;
  const highest = Math.max(top, ...values) || 1;
  const step = width / (values.length - 1);
  const points = values.map(
    (value, i) => `${(i * step).toFixed(1)},${(height - 1 - (value / highest) * (height - 2)).toFixed(1)}`,
  );
  return (
    <svg width={width} height={height} aria-hidden="true" className={className}>
      <polygon
        points={`0,${height} ${points.join(' ')} ${width},${height}`}
        fill="currentColor"
        opacity="0.14"
      />
      <polyline
        points={points.join(' ')}
        fill="none"
        stroke="currentColor"
        strokeWidth="1.25"
        strokeLinejoin="round"
      />
    </svg>
  );
}
