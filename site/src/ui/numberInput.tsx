import { signal } from '@preact/signals';
import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { text } from '../state/page.js';
import { Field } from './controls.js';

interface NumberProps {
  label: string;
  value: number;
  min: number;
  max: number;
  step?: number | 'any';
  /** Only multiples of it are valid. */
  multipleOf?: number;
  onValue(value: number): void;
}

/** Whether a field holds a number that cannot be used, so that what is shown belongs to the one before it. */
export const isHalfTyped = signal(false);

/** A box for a number under its label. */
export function NumberField(props: NumberProps) {
  return <Field label={props.label}>{(id) => <NumberInput id={id} {...props} />}</Field>;
}

/**
 * A box for a number. While it has the focus its text is what was typed, and nothing else writes to it; a valid number is used at
 * once. Any other text says the range at the box, and gives way to the number in use when the focus leaves.
 */
export function NumberInput({
  id,
  label,
  value,
  min,
  max,
  step = 1,
  multipleOf = 1,
  onValue,
}: NumberProps & { id?: string }) {
  const input = useRef<HTMLInputElement>(null);
  const used = useRef(value);
  const [wrong, setWrong] = useState<'typed' | 'replaced' | undefined>(undefined);
  const hint = useId();
  const isValid = (n: number) =>
    n >= min && n <= max && (step === 'any' || (Number.isInteger(n) && n % multipleOf === 0));
  useLayoutEffect(() => {
    used.current = value;
    if (document.activeElement !== input.current) input.current!.value = String(value);
  }, [value]);
  useEffect(() => {
    if (wrong === 'typed') isHalfTyped.value = true;
    return () => {
      isHalfTyped.value = false;
    };
  }, [wrong]);
  const outside = wrong === 'typed' || !isValid(value);
  return (
    <span class="number">
      <input
        ref={input}
        id={id}
        type="number"
        inputMode={step === 'any' ? 'decimal' : 'numeric'}
        aria-label={id ? undefined : label}
        aria-invalid={outside}
        aria-describedby={outside || wrong ? hint : undefined}
        min={Math.max(min, multipleOf > 1 ? multipleOf : min)}
        max={max}
        step={multipleOf > 1 ? multipleOf : step}
        onInput={({ currentTarget }) => {
          const n = currentTarget.value.trim() === '' ? Number.NaN : Number(currentTarget.value);
          setWrong(isValid(n) ? undefined : 'typed');
          if (!isValid(n)) return;
          used.current = n;
          onValue(n);
        }}
        onBlur={({ currentTarget }) => {
          currentTarget.value = String(used.current);
          if (wrong) setWrong('replaced');
        }}
      />
      {(outside || wrong) && (
        <small id={hint} class={`range ${outside ? 'bad' : ''}`}>
          {text.value.range(min, max, multipleOf)}
        </small>
      )}
    </span>
  );
}
