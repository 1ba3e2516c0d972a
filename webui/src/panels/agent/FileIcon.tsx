import { File, FileQuestion, FileSymlink, Folder } from 'lucide-react';
import type { FileKind } from '@/api/generated';

const ICONS = { file: File, directory: Folder, symlink: FileSymlink, other: FileQuestion };
const WORDS: Record<FileKind, string> = {
  file: 'File',
  directory: 'Directory',
  symlink: 'Link',
  other: 'Special file',
};

export function FileIcon({ kind }: { kind: FileKind }) {
  const Icon = ICONS[kind];
  return (
    <>
      <Icon
        size={16}
        aria-hidden="true"
        className={`shrink-0 ${kind === 'directory' ? 'text-accent' : 'text-muted'}`}
      />
      <span className="sr-only">{WORDS[kind]}</span>
    </>
  );
}
