import { PREVIEW_LENGTH_MAX } from '../contract/limits';

/** What a list of conversations shows of the newest message (messaging.md §11.1). */
export function previewOf(type: 'text' | 'structured' | 'file' | 'system', text: string | undefined): string | null {
  switch (type) {
    case 'file':
      return 'Attachment';
    case 'system':
      return 'System update';
    case 'structured':
      return '[structured]';
    default:
      return shorten((text ?? '').replace(/\s+/g, ' ').trim());
  }
}

/** Longer texts end in an ellipsis; a character of two UTF-16 units is not cut in half. */
function shorten(line: string): string | null {
  if (line === '') return null;
  if (line.length <= PREVIEW_LENGTH_MAX) return line;
  const cut = line.slice(0, PREVIEW_LENGTH_MAX - 1);
  return `${/[\ud800-\udbff]$/.test(cut) ? cut.slice(0, -1) : cut}…`;
}
