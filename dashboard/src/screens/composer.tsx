import { useEffect, useLayoutEffect, useRef, useState, type KeyboardEvent } from 'react';
import { bytesTooLong } from '../model/talk';
import { Icon } from '../ui/icons';
import { Problem } from '../ui/problem';

/** What was written and not sent, by chat: it is there again after a look at another screen. */
const drafts = new Map<string, string>();

interface ComposerProps {
  draftKey: string;
  name: string;
  /** Something is being answered: it can be written, but not sent yet. */
  isLocked: boolean;
  onSend: (message: string) => void;
}

/** Something to write with. Enter sends, with Shift it begins a line; on touch screens, which have no Shift, the button sends. */
export function Composer({ draftKey, name, isLocked, onSend }: ComposerProps) {
  const [text, setText] = useState(drafts.get(draftKey) ?? '');
  const field = useGrowingField(text);
  const tooLong = bytesTooLong(text);
  const canSend = !isLocked && text.trim() !== '' && tooLong === 0;
  const write = (written: string): void => {
    setText(written);
    if (written === '') drafts.delete(draftKey);
    else drafts.set(draftKey, written);
  };
  const send = (): void => {
    if (!canSend) return;
    onSend(text);
    write('');
    field.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (!isSendKey(event)) return;
    event.preventDefault();
    send();
  };
  return (
    <form className="composer" onSubmit={(event) => (event.preventDefault(), send())}>
      <Problem>{tooLong === 0 ? null : `This is ${tooLong} bytes too long for one message.`}</Problem>
      <div className="composer-row">
        <textarea
          ref={field}
          rows={1}
          dir="auto"
          aria-label={`Message to ${name}`}
          placeholder={`Message to ${name}`}
          value={text}
          onChange={(event) => write(event.target.value)}
          onKeyDown={onKeyDown}
        />
        <button
          type="submit"
          className="button primary send"
          disabled={!canSend}
          aria-label="Send"
          title={isLocked ? 'Wait for the answer, or stop it' : 'Send'}
        >
          <Icon name="sent" size={18} />
        </button>
      </div>
    </form>
  );
}

/** What confirms a candidate of an input method is not meant for us. */
const isSendKey = ({ key, shiftKey, nativeEvent }: KeyboardEvent): boolean =>
  key === 'Enter' && !shiftKey && !nativeEvent.isComposing && !isTouch();

const isTouch = (): boolean => matchMedia('(pointer: coarse)').matches;

/** A field that takes the cursor, as high as what is written in it, up to what its style allows. */
function useGrowingField(text: string) {
  const field = useRef<HTMLTextAreaElement>(null);
  // On touch screens the keyboard would cover the chat.
  useEffect(() => {
    if (!isTouch()) field.current?.focus();
  }, []);
  useLayoutEffect(() => {
    const element = field.current;
    if (element === null) return;
    element.style.height = 'auto';
    element.style.height = `${element.scrollHeight + 2}px`;
  }, [text]);
  return field;
}
