import { Link } from '@tanstack/react-router';
import { Empty } from '@/ui/Notice';

export function NotFoundPage() {
  return (
    <Empty
      page
      title="There is no such page"
      action={
        <Link to="/" className="text-13 font-medium text-accent underline underline-offset-2">
          Open the fleet
        </Link>
      }
    >
      The address may be of a newer version, or mistyped.
    </Empty>
  );
}
