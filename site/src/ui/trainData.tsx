import { FASHION_MNIST } from 'vgg-blocks/data';
import { DATA, type FileNames } from '../state/choice.js';
import { chosenInfo, IDX_PARTS, idxFiles, idxNames } from '../state/data.js';
import { takeFiles } from '../state/files.js';
import { choice, choose, text } from '../state/page.js';
import { FileButton, SelectField } from './controls.js';
import { ChoiceNumber } from './design.js';
import { imageAt, Pixels } from './image.js';

/** Chooses the images to train on, and shows some once they are loaded. */
export function TrainData() {
  const t = text.value.train;
  const { data } = choice.value;
  const names = { garments: t.garments, files: t.files, 'fashion-mnist': t.fashion };
  return (
    <>
      <SelectField
        label={t.data}
        value={data}
        options={DATA.map((value) => ({ value, text: names[value] }))}
        onValue={(value) => choose({ data: value })}
      />
      {data === 'garments' && <ChoiceNumber name="images" label={t.images} />}
      {data === 'files' && <IdxFiles />}
      <Samples />
      {data === 'fashion-mnist' && (
        <p class="hint">
          {t.fashionBlocked} <a href={FASHION_MNIST.home}>{t.fashionHome}</a>
        </p>
      )}
    </>
  );
}

/** What the classes of the dropped files are called. */
export function namesOfFiles(): FileNames {
  return idxNames.value ?? (chosenInfo()?.published === 'Fashion-MNIST' ? 'garments' : 'numbers');
}

function IdxFiles() {
  const t = text.value.train;
  const missing = IDX_PARTS.filter((part) => !idxFiles.value[part]).map((part) => t.parts[part]);
  const info = chosenInfo();
  const known = info?.published ? t.filesKnown(info.published) : t.filesUnknown;
  return (
    <div class="idx">
      <p class="hint">
        {t.filesHint}{' '}
        <FileButton class="link" multiple onFiles={takeFiles}>
          {t.chooseFiles}
        </FileButton>
      </p>
      <p role="status">
        {missing.length > 0 ? t.filesMissing(missing.join(', ')) : t.filesReady} {info && known}
      </p>
      <SelectField
        label={t.filesNames}
        value={namesOfFiles()}
        options={[
          { value: 'numbers' as const, text: t.namesNumbers },
          { value: 'garments' as const, text: t.namesGarments },
        ]}
        onValue={(value) => {
          idxNames.value = value;
        }}
      />
    </div>
  );
}

/** The first test images of the chosen set with their classes, once it is loaded. */
function Samples() {
  const info = chosenInfo();
  if (!info) return null;
  return (
    <ul class="samples-row" aria-label={text.value.train.samples}>
      {Array.from({ length: Math.min(8, info.test) }, (_, i) => {
        const name = text.value.className(info.classNames[info.testLabels[i]!]!);
        return (
          <li key={i}>
            <Pixels image={imageAt(info, i)} label={name} />
            <span aria-hidden="true">{name}</span>
          </li>
        );
      })}
    </ul>
  );
}
