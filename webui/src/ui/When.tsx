import { ago, duration, exactTime } from '@/lib/format';
import { useNowAs } from '@/lib/now';

/** A relative time with the exact one on hover. */
export function Ago({ at }: { at: string }) {
  const text = useNowAs((now) => ago(at, now));
  return (
    <time dateTime={at} title={exactTime(at)}>
      {text}
    </time>
  );
}

/** How long something has run; it moves while it has no end. */
export function Lasting({ from, to }: { from: string; to?: string | null }) {
  const text = useNowAs((now) => duration((to ? Date.parse(to) : now) - Date.parse(from)));
  return (
    <time dateTime={from} title={`since ${exactTime(from)}`}>
      {text}
    </time>
  );
}
