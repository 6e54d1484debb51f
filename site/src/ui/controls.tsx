import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';

/** A control under its label. */
export function Field({
  label,
  children,
  hint,
}: {
  label: string;
  hint?: ComponentChildren;
  children: (id: string) => ComponentChildren;
}) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      {children(id)}
      {hint && <p class="hint">{hint}</p>}
    </div>
  );
}

interface NumberInputProps {
  id?: string;
  value: number;
  least: number;
  most: number;
  step?: number | 'any';
  disabled?: boolean;
  label?: string;
  onValue(value: number): void;
}

/** A number that is taken over as soon as it is one in range; what is not stays in the box and is marked. */
export function NumberInput({
  id,
  value,
  least,
  most,
  step = 1,
  disabled,
  label,
  onValue,
}: NumberInputProps) {
  const [typed, setTyped] = useState(String(value));
  const own = useRef(value);
  useEffect(() => {
    if (own.current !== value) setTyped(String(value));
    own.current = value;
  }, [value]);
  const valid = (text: string) => {
    const n = Number(text);
    return text.trim() !== '' && n >= least && n <= most && (step === 'any' || Number.isInteger(n));
  };
  return (
    <input
      id={id}
      type="number"
      inputMode={step === 'any' ? 'decimal' : 'numeric'}
      aria-label={label}
      aria-invalid={!valid(typed)}
      disabled={disabled}
      min={least}
      max={most}
      step={step}
      value={typed}
      onInput={({ currentTarget }) => {
        setTyped(currentTarget.value);
        if (!valid(currentTarget.value)) return;
        own.current = Number(currentTarget.value);
        onValue(own.current);
      }}
      onBlur={() => {
        if (!valid(typed)) setTyped(String(value));
      }}
    />
  );
}

/** One of several, in a menu. */
export function Select<T extends string>({
  id,
  value,
  options,
  disabled,
  label,
  onValue,
}: {
  id?: string;
  value: T;
  options: readonly { value: T; text: string; disabled?: boolean }[];
  disabled?: boolean;
  label?: string;
  onValue(value: T): void;
}) {
  return (
    <select
      id={id}
      aria-label={label}
      value={value}
      disabled={disabled}
      onChange={({ currentTarget }) => onValue(currentTarget.value as T)}
    >
      {options.map((one) => (
        <option key={one.value} value={one.value} disabled={one.disabled} selected={one.value === value}>
          {one.text}
        </option>
      ))}
    </select>
  );
}

export function Checkbox({
  checked,
  children,
  disabled,
  onValue,
}: {
  checked: boolean;
  disabled?: boolean;
  children: ComponentChildren;
  onValue(checked: boolean): void;
}) {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={checked}
        disabled={disabled}
        onChange={({ currentTarget }) => onValue(currentTarget.checked)}
      />
      <span>{children}</span>
    </label>
  );
}

/** A button that opens the browser's choice of files. */
export function FileButton({
  accept,
  multiple = false,
  children,
  class: style = 'button',
  onFiles,
}: {
  accept: string;
  multiple?: boolean;
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
        onChange={({ currentTarget }) => {
          const files = [...(currentTarget.files ?? [])];
          currentTarget.value = '';
          if (files.length > 0) onFiles(files);
        }}
      />
    </>
  );
}

/** A button that copies a text and says so for a moment, without changing its width. */
export function CopyButton({ copy, said, value }: { copy: string; said: string; value: () => string }) {
  const [copied, setCopied] = useState(false);
  return (
    <button
      type="button"
      class="button quiet copy"
      onClick={() => {
        void navigator.clipboard.writeText(value()).then(() => {
          setCopied(true);
          setTimeout(() => setCopied(false), 1600);
        });
      }}
    >
      <span aria-hidden={copied} class={copied ? 'unseen' : ''}>
        {copy}
      </span>
      <span role="status" class={copied ? '' : 'unseen'}>
        {copied ? said : ''}
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

/** A part that scrolls by itself where it is too wide, and that keys reach. */
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
    // biome-ignore lint/a11y/useSemanticElements: the group is of no form.
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keys.
    <div class={`scroll ${style}`} role="group" tabIndex={0} aria-label={label}>
      {children}
    </div>
  );
}
