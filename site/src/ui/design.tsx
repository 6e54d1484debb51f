import { type Block, FAMILY, type FamilyName } from 'vgg-blocks';
import { MAX, memberOf, RANGES, STARTS, smallestSize } from '../state/choice.js';
import { choice, choose, text } from '../state/page.js';
import { Card, Checkbox, IconButton, SelectField, useKeptFocus } from './controls.js';
import { NumberField, NumberInput } from './numberInput.js';

const RATIOS = ['1', '2', '4', '8', '16', '32', '64'];

/** The form that describes a network. */
export function Design() {
  const t = text.value.design;
  const { arch, ratio, channels, batchNorm } = choice.value;
  const member = memberOf(arch);
  const members = Object.entries(FAMILY).map(([value, { title }]) => ({
    value: value as FamilyName,
    text: title,
  }));
  const ratios = RATIOS.includes(String(ratio)) ? RATIOS : [...RATIOS, String(ratio)];
  return (
    <Card title={t.title} class="design">
      <fieldset class="starts">
        <legend>{t.starts}</legend>
        {(Object.keys(STARTS) as (keyof typeof STARTS)[]).map((name) => (
          <button key={name} type="button" class="chip" onClick={() => choose(STARTS[name])}>
            {t.start[name]}
          </button>
        ))}
      </fieldset>
      <SelectField<FamilyName | 'own'>
        label={t.member}
        value={member ?? 'own'}
        options={[...members, { value: 'own', text: t.own, disabled: member !== undefined }]}
        onValue={(value) => value !== 'own' && choose({ arch: FAMILY[value].arch })}
      />
      <Blocks />
      <div class="pair">
        <SelectField
          label={t.ratio}
          value={String(ratio)}
          options={ratios.map((value) => ({ value, text: value }))}
          onValue={(value) => choose({ ratio: Number(value) })}
        />
        <ChoiceNumber name="hidden" label={t.hidden} />
        <ChoiceNumber name="size" label={t.size} />
        <SelectField
          label={t.imageChannels}
          value={String(channels)}
          options={[
            { value: '1', text: t.gray },
            { value: '3', text: t.color },
          ]}
          onValue={(value) => choose({ channels: Number(value) })}
        />
        <ChoiceNumber name="classes" label={t.classes} />
        <ChoiceNumber name="seed" label={t.seed} />
      </div>
      <Checkbox checked={batchNorm} onValue={(value) => choose({ batchNorm: value })}>
        {t.batchNorm}
      </Checkbox>
    </Card>
  );
}

/** A number of the choice, in its range. */
export function ChoiceNumber({ name, label }: { name: keyof typeof RANGES; label: string }) {
  const [min, max] = RANGES[name];
  return (
    <NumberField
      label={label}
      value={choice.value[name]}
      min={name === 'size' ? smallestSize(choice.value) : min}
      max={max}
      step={name === 'rate' ? 'any' : 1}
      onValue={(value) => choose({ [name]: value })}
    />
  );
}

/** The blocks one by one. */
function Blocks() {
  const t = text.value.design;
  const { arch, ratio } = choice.value;
  const rows = useKeptFocus<HTMLFieldSetElement>();
  const change = (index: number, part: Partial<{ convs: number; channels: number; ones: number }>) => {
    const next = choice.value.arch.map((block, i): Block => {
      if (i !== index) return block;
      const { convs, channels, ones } = { convs: block[0], channels: block[1], ones: block[2] ?? 0, ...part };
      return ones > 0 ? [convs, channels, ones] : [convs, channels];
    });
    choose({ arch: next });
  };
  return (
    <fieldset class="blocks" ref={rows}>
      <legend>{t.blocks}</legend>
      <div class="blocks-head" aria-hidden="true">
        <span />
        <span>{t.convs}</span>
        <span>{t.ones}</span>
        <span>{t.channels}</span>
        <span />
      </div>
      {arch.map(([convs, channels, ones = 0], index) => (
        <div class={`block-row ${ratio > 1 ? 'divided' : ''}`} key={index}>
          <span class="ordinal">{index + 1}</span>
          <NumberInput
            label={t.convsLabel(index + 1)}
            value={convs}
            min={ones > 0 ? 0 : 1}
            max={MAX.convs}
            onValue={(value) => change(index, { convs: value })}
          />
          <NumberInput
            label={t.onesLabel(index + 1)}
            value={ones}
            min={convs > 0 ? 0 : 1}
            max={MAX.convs}
            onValue={(value) => change(index, { ones: value })}
          />
          <NumberInput
            label={t.channelsLabel(index + 1)}
            value={channels}
            min={1}
            max={MAX.channels}
            multipleOf={ratio}
            onValue={(value) => change(index, { channels: value })}
          />
          {ratio > 1 && <span class="built">→ {text.value.number(channels / ratio)}</span>}
          <IconButton
            icon="close"
            label={t.remove(index + 1)}
            disabled={arch.length === 1}
            onClick={() => choose({ arch: choice.value.arch.filter((_, i) => i !== index) })}
          />
        </div>
      ))}
      <button
        type="button"
        class="button quiet add"
        disabled={arch.length >= MAX.blocks}
        onClick={() => choose({ arch: [...choice.value.arch, [1, choice.value.arch.at(-1)![1]]] })}
      >
        + {t.add}
      </button>
    </fieldset>
  );
}
