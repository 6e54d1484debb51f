import { type Block, FAMILY, type FamilyName } from 'vgg-blocks';
import { memberOf, STARTS } from '../state/choice.js';
import { choice, choose, text } from '../state/page.js';
import { Card, Checkbox, Field, NumberInput, Select } from './controls.js';

const RATIOS = ['1', '2', '4', '8', '16', '32', '64'];

/** The form in which a network is put together. */
export function Design() {
  const t = text.value.design;
  const { arch, ratio, side, channels, classes, hidden, batchNorm, seed } = choice.value;
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
      <Field label={t.member}>
        {(id) => (
          <Select<FamilyName | 'own'>
            id={id}
            value={member ?? 'own'}
            options={[...members, { value: 'own', text: t.own, disabled: member !== undefined }]}
            onValue={(value) => value !== 'own' && choose({ arch: FAMILY[value].arch })}
          />
        )}
      </Field>
      <Blocks />
      <div class="pair">
        <Field label={t.ratio}>
          {(id) => (
            <Select
              id={id}
              value={String(ratio)}
              options={ratios.map((value) => ({ value, text: value }))}
              onValue={(value) => choose({ ratio: Number(value) })}
            />
          )}
        </Field>
        <Field label={t.hidden}>
          {(id) => (
            <NumberInput
              id={id}
              value={hidden}
              least={1}
              most={65536}
              onValue={(value) => choose({ hidden: value })}
            />
          )}
        </Field>
        <Field label={t.side}>
          {(id) => (
            <NumberInput
              id={id}
              value={side}
              least={1}
              most={2048}
              onValue={(value) => choose({ side: value })}
            />
          )}
        </Field>
        <Field label={t.imageChannels}>
          {(id) => (
            <Select
              id={id}
              value={String(channels)}
              options={[
                { value: '1', text: t.grey },
                { value: '3', text: t.colour },
              ]}
              onValue={(value) => choose({ channels: Number(value) })}
            />
          )}
        </Field>
        <Field label={t.classes}>
          {(id) => (
            <NumberInput
              id={id}
              value={classes}
              least={1}
              most={100000}
              onValue={(value) => choose({ classes: value })}
            />
          )}
        </Field>
        <Field label={t.seed}>
          {(id) => (
            <NumberInput
              id={id}
              value={seed}
              least={0}
              most={4294967295}
              onValue={(value) => choose({ seed: value })}
            />
          )}
        </Field>
      </div>
      <Checkbox checked={batchNorm} onValue={(value) => choose({ batchNorm: value })}>
        {t.batchNorm}
      </Checkbox>
    </Card>
  );
}

/** The blocks one by one. */
function Blocks() {
  const t = text.value.design;
  const { arch } = choice.value;
  const change = (index: number, part: Partial<{ convs: number; channels: number; ones: number }>) => {
    const next = arch.map((block, i): Block => {
      if (i !== index) return block;
      const { convs, channels, ones } = { convs: block[0], channels: block[1], ones: block[2] ?? 0, ...part };
      return ones > 0 ? [convs, channels, ones] : [convs, channels];
    });
    choose({ arch: next });
  };
  return (
    <fieldset class="blocks">
      <legend>{t.blocks}</legend>
      <div class="blocks-head" aria-hidden="true">
        <span />
        <span>{t.convs}</span>
        <span>{t.ones}</span>
        <span>{t.channels}</span>
        <span />
      </div>
      {arch.map(([convs, channels, ones = 0], index) => (
        <div class="block-row" key={index}>
          <span class="ordinal">{index + 1}</span>
          <NumberInput
            label={t.convsLabel(index + 1)}
            value={convs}
            least={0}
            most={8}
            onValue={(value) => change(index, { convs: value })}
          />
          <NumberInput
            label={t.onesLabel(index + 1)}
            value={ones}
            least={0}
            most={8}
            onValue={(value) => change(index, { ones: value })}
          />
          <NumberInput
            label={t.channelsLabel(index + 1)}
            value={channels}
            least={1}
            most={4096}
            onValue={(value) => change(index, { channels: value })}
          />
          <button
            type="button"
            class="icon"
            aria-label={t.remove(index + 1)}
            title={t.remove(index + 1)}
            disabled={arch.length === 1}
            onClick={() => choose({ arch: arch.filter((_, i) => i !== index) })}
          >
            <svg viewBox="0 0 16 16" aria-hidden="true">
              <path d="M4 4l8 8M12 4l-8 8" />
            </svg>
          </button>
        </div>
      ))}
      <button
        type="button"
        class="button quiet add"
        disabled={arch.length >= 8}
        onClick={() => choose({ arch: [...arch, [1, arch.at(-1)![1]]] })}
      >
        + {t.add}
      </button>
    </fieldset>
  );
}
