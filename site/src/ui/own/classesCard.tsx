import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { camera } from '../../state/own/camera.js';
import {
  addClass,
  addImages,
  classes,
  imagesOf,
  NEEDED,
  nameOf,
  type OwnClass,
  type OwnImage,
  reading,
  removeClass,
  removeImage,
  renameClass,
} from '../../state/own/classes.js';
import { addFolders } from '../../state/own/given.js';
import { missing } from '../../state/own/teach.js';
import { text } from '../../state/page.js';
import { cannotKeep } from '../../state/runs.js';
import { FileButton, IconButton, Remove, useKeptFocus } from '../controls.js';
import { CameraButton } from './cameraView.js';
import { Recorder } from './recorder.js';
import { Step } from './step.js';
import { toneOf } from './tone.js';

const ACCEPT = 'image/*,.heic,.heif,.bmp,.ppm,.pgm,.pbm,.tif,.tiff';

/** The classes and their images. */
export function ClassesCard() {
  const t = text.value.ownImages.classes;
  const list = useKeptFocus<HTMLDivElement>();
  return (
    <Step number={1} state={missing.value === undefined ? 'done' : 'now'} title={t.title}>
      <p class="hint">{t.about}</p>
      <div class="own-classes" ref={list}>
        {classes.value.map((one) => (
          <ClassCard key={one.id} one={one} />
        ))}
        <div class="row own-more">
          <button type="button" class="button" onClick={() => addClass()}>
            + {t.add}
          </button>
          <FileButton
            accept={ACCEPT}
            folder
            onFiles={(files) =>
              void addFolders(
                files.map((file) => ({ path: file.webkitRelativePath || file.name, file })),
                classes.value[0]!.id,
              )
            }
          >
            {t.folder}
          </FileButton>
          <p class="hint">{t.folderHint}</p>
        </div>
      </div>
      <p class="hint">{cannotKeep.value ? t.cannotKeep : t.kept}</p>
    </Step>
  );
}

function ClassCard({ one }: { one: OwnClass }) {
  const t = text.value.ownImages.classes;
  const own = imagesOf.value.get(one.id)!;
  const place = classes.value.indexOf(one);
  const name = nameOf(one);
  const [over, setOver] = useState(false);
  const isFilming = camera.value?.place === one.id;
  const now = reading.value?.of === one.id ? reading.value : undefined;
  const few = own.length < NEEDED;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dropping is another way to do what its buttons do.
    <div
      class={`own-class ${toneOf(place)} ${over ? 'over' : ''}`}
      data-drop={one.id}
      onDragOver={() => setOver(true)}
      onDragLeave={() => setOver(false)}
      onDrop={() => setOver(false)}
    >
      <div class="own-head">
        <span class="dot" aria-hidden="true" />
        <input
          type="text"
          maxLength={60}
          aria-label={t.nameLabel(place + 1)}
          placeholder={t.className(place + 1)}
          value={one.name}
          onInput={({ currentTarget }) => renameClass(one.id, currentTarget.value)}
        />
        <span class={few ? 'own-count few' : 'own-count'} role="status">
          {now
            ? t.reading(now.done + 1, now.total)
            : `${t.count(own.length)}${few && own.length > 0 ? ` · ${t.needs(NEEDED - own.length)}` : ''}`}
        </span>
        <IconButton icon="close" label={t.remove(name)} onClick={() => removeClass(one)} />
      </div>
      {isFilming && <Recorder of={one.id} />}
      {own.length > 0 && <Thumbs images={own} name={name} />}
      <div class={own.length === 0 && !isFilming ? 'row own-empty' : 'row'}>
        {own.length === 0 && !isFilming && <p class="hint">{t.drop}</p>}
        <FileButton
          accept={ACCEPT}
          multiple
          class="button quiet"
          onFiles={(files) => void addImages(files.map((file) => ({ of: one.id, file })))}
        >
          {t.choose}
        </FileButton>
        <CameraButton place={one.id} class="button quiet" />
      </div>
    </div>
  );
}

function Thumbs({ images, name }: { images: readonly OwnImage[]; name: string }) {
  const t = text.value.ownImages.classes;
  const list = useKeptFocus<HTMLUListElement>();
  const end = useRef<HTMLLIElement>(null);
  const before = useRef(images.length);
  useEffect(() => {
    // What was just taken is seen, also where the list scrolls.
    if (images.length > before.current) end.current?.parentElement?.scrollTo({ top: 1e6 });
    before.current = images.length;
  }, [images.length]);
  return (
    <ul class="own-thumbs" ref={list} aria-label={name}>
      {images.map((one, i) => (
        <li key={one.id} class="removable" ref={i === images.length - 1 ? end : undefined}>
          <Thumb image={one.thumb} label={t.imageOf(name, i + 1)} />
          <Remove
            name={`${t.imageOf(name, i + 1)}, ${one.name}`}
            onClick={() => removeImage(one, one.name)}
          />
        </li>
      ))}
    </ul>
  );
}

function Thumb({ image, label }: { image: Blob; label: string }) {
  const url = useMemo(() => URL.createObjectURL(image), [image]);
  useEffect(() => () => URL.revokeObjectURL(url), [url]);
  return <img src={url} alt={label} width={64} height={64} />;
}
