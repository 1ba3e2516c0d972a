import { useEffect, useRef } from 'react';

/** What is needed of a query. */
interface Asked {
  isFetching: boolean;
  refetch: () => unknown;
}

/**
 * Asks again after each change. A change that comes while an answer is on its way is asked for after it: that answer may be older
 * than the change.
 */
export function useAgain(changes: number, { isFetching, refetch }: Asked, enabled = true) {
  const seen = useRef(0);
  useEffect(() => {
    if (!enabled || isFetching || changes <= seen.current) return;
    seen.current = changes;
    void refetch();
  }, [changes, enabled, isFetching, refetch]);
}
