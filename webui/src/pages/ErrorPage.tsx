import { Button } from '@/ui/Button';
import { Empty } from '@/ui/Notice';

/** A page that broke; agents are not touched by it. */
export function ErrorPage({ error }: { error: unknown }) {
  return (
    <Empty
      page
      title="This page broke"
      action={<Button onClick={() => location.reload()}>Load it again</Button>}
    >
      <p>Your agents are not touched by it.</p>
      <p className="mt-2 font-mono text-12 break-words">
        {error instanceof Error ? error.message : String(error)}
      </p>
    </Empty>
  );
}
