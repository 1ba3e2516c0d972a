import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useRef, useState } from 'react';
import { TILE_HEIGHT, Tile } from './Tile';

interface Props {
  ids: readonly string[];
  selected: ReadonlySet<string>;
  onSelect: (id: string, range: boolean) => void;
}

const GAP = 12;
const MIN_WIDTH = 300;

/** Tiles in rows; only the rows in view exist, so their screens alone are asked for. */
export function Grid({ ids, selected, onSelect }: Props) {
  const scroller = useRef<HTMLDivElement>(null);
  const [columns, setColumns] = useState(3);
  useEffect(() => {
    const element = scroller.current!;
    const measure = () =>
      setColumns(Math.max(1, Math.floor((element.clientWidth - 32 + GAP) / (MIN_WIDTH + GAP))));
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    measure();
    return () => observer.disconnect();
  }, []);
  const rows = useVirtualizer({
    count: Math.ceil(ids.length / columns),
    getScrollElement: () => scroller.current,
    estimateSize: () => TILE_HEIGHT + GAP,
    overscan: 1,
  });
  return (
    <div ref={scroller} className="min-h-0 flex-1 overflow-y-auto px-4 pb-4" data-list="">
      <div className="relative" style={{ height: rows.getTotalSize() }}>
        {rows.getVirtualItems().map((row) => (
          <div
            key={row.key}
            className="absolute inset-x-0 grid"
            style={{ top: row.start, gap: GAP, gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))` }}
          >
            {ids.slice(row.index * columns, (row.index + 1) * columns).map((id) => (
              <Tile
                key={id}
                id={id}
                selected={selected.has(id)}
                selecting={selected.size > 0}
                onSelect={onSelect}
              />
            ))}
          </div>
        ))}
      </div>
    </div>
  );
}
