import type { ComponentChildren, RefObject } from 'preact';
import { useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { text } from '../state/page.js';

/** A control under its label. */
export function Field({ label, children }: { label: string; children: (id: string) => ComponentChildren }) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children(id)}
    </div>
  );
}

/** A menu under its label. */
export function SelectField<T extends string>({
  label,
  value,
  options,
  onValue,
}: {
  label: string;
  value: T;
  options: readonly { value: T; text: string; disabled?: boolean }[];
  onValue(value: T): void;
}) {
  return (
    <Field label={label}>
      {(id) => (
        <select id={id} value={value} onChange={({ currentTarget }) => onValue(currentTarget.value as T)}>
          {options.map((one) => (
            <option key={one.value} value={one.value} disabled={one.disabled} selected={one.value === value}>
              {one.text}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}

export function Checkbox({
  checked,
  children,
  onValue,
}: {
  checked: boolean;
  children: ComponentChildren;
  onValue(checked: boolean): void;
}) {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={checked}
        onChange={({ currentTarget }) => onValue(currentTarget.checked)}
      />
      <span>{children}</span>
    </label>
  );
}

/** A button that opens the browser's file dialog. */
export function FileButton({
  accept,
  multiple = false,
  children,
  folder = false,
  class: style = 'button',
  onFiles,
}: {
  /** The files that the browser offers; by default all, for names such as train-images-idx3-ubyte have no end. */
  accept?: string;
  multiple?: boolean;
  /** Whether a folder is chosen, of which all files are given. */
  folder?: boolean;
  class?: string;
  children: ComponentChildren;
  onFiles(files: File[]): void;
}) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" class={style} onClick={() => input.current?.click()}>
        {children}
      </button>
      <input
        ref={input}
        type="file"
        hidden
        accept={accept}
        multiple={multiple}
        {...(folder && { webkitdirectory: true })}
        onChange={({ currentTarget }) => {
          const files = [...(currentTarget.files ?? [])];
          currentTarget.value = '';
          if (files.length > 0) onFiles(files);
        }}
      />
    </>
  );
}

const ICONS = {
  close: 'M4 4l8 8M12 4l-8 8',
  previous: 'M10 3L5 8l5 5',
  next: 'M6 3l5 5-5 5',
  play: 'M5 3l8 5-8 5z',
  pause: 'M5.5 3v10M10.5 3v10',
};

/** A button that shows an icon. */
export function IconButton({
  icon,
  label,
  class: style = 'icon',
  disabled,
  onClick,
}: {
  icon: keyof typeof ICONS;
  label: string;
  class?: string;
  disabled?: boolean;
  onClick(): void;
}) {
  return (
    <button
      type="button"
      class={style}
      aria-label={label}
      title={label}
      disabled={disabled}
      onClick={onClick}
    >
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <path d={ICONS[icon]} />
      </svg>
    </button>
  );
}

/** A button in the corner of an image, which removes it. */
export function Remove({ name, onClick }: { name: string; onClick(): void }) {
  return (
    <IconButton
      icon="close"
      class="remove"
      label={text.value.ownImages.classes.remove(name)}
      onClick={onClick}
    />
  );
}

/** A button that copies a text and confirms it for a moment, without changing its width. */
export function CopyButton({ copy, copied, value }: { copy: string; copied: string; value: () => string }) {
  const [done, setDone] = useState(false);
  return (
    <button
      type="button"
      class="button quiet copy"
      onClick={() => {
        void navigator.clipboard.writeText(value()).then(() => {
          setDone(true);
          setTimeout(() => setDone(false), 1600);
        });
      }}
    >
      <span aria-hidden={done} class={done ? 'unseen' : ''}>
        {copy}
      </span>
      <span role="status" class={done ? '' : 'unseen'}>
        {done ? copied : ''}
      </span>
    </button>
  );
}

/** A titled part of a view. */
export function Card({
  title,
  aside,
  children,
  class: style = '',
}: {
  title: string;
  aside?: ComponentChildren;
  class?: string;
  children: ComponentChildren;
}) {
  const id = useId();
  return (
    <section class={`card ${style}`} aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        {aside && <div class="aside">{aside}</div>}
      </header>
      {children}
    </section>
  );
}

/** A part that scrolls when it is too wide, also by keyboard. */
export function Scroll({
  label,
  children,
  class: style = '',
}: {
  label: string;
  class?: string;
  children: ComponentChildren;
}) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: this group is not part of a form.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard must reach what scrolls.
    <div class={`scroll ${style}`} role="group" tabIndex={0} aria-label={label}>
      {children}
    </div>
  );
}

/** The head of a table; an empty title leaves its corner empty. */
export function TableHead({ columns }: { columns: readonly string[] }) {
  return (
    <thead>
      <tr>
        {columns.map((column) =>
          column ? (
            <th key={column} scope="col">
              {column}
            </th>
          ) : (
            <td key={column} />
          ),
        )}
      </tr>
    </thead>
  );
}

/**
 * Keeps the focus in a part whose controls come and go: when the focused one is removed or disabled, the first that can take the
 * focus gets it, or else the view.
 */
export function useKeptFocus<T extends HTMLElement>(): RefObject<T | null> {
  const part = useRef<T>(null);
  const had = useRef(false);
  useLayoutEffect(() => {
    const gone = document.activeElement === document.body || document.activeElement?.matches(':disabled');
    if (had.current && gone) {
      const next = part.current?.querySelector<HTMLElement>('button:enabled');
      (next ?? document.querySelector<HTMLElement>('.view'))?.focus({ preventScroll: true });
    }
    had.current = part.current?.contains(document.activeElement) ?? false;
  });
  useLayoutEffect(() => {
    const note = () => {
      had.current = part.current?.contains(document.activeElement) ?? false;
    };
    document.addEventListener('focusin', note);
    document.addEventListener('pointerdown', note);
    return () => {
      document.removeEventListener('focusin', note);
      document.removeEventListener('pointerdown', note);
    };
  }, []);
  return part;
}
