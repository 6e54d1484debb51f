import { signal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { text } from '../../state/page.js';
import { compare, compared, isComparing, subject } from '../../state/style.js';
import { Card, Scroll, TableHead } from '../controls.js';
import { Legend, Pixels, SavePixels } from '../image.js';

/** The copy whose differences are shown. */
const looked = signal('blurred');

/** How different an image and others look to a network. */
export function CompareCard() {
  const t = text.value.difference;
  const now = subject.value;
  useEffect(compare, [now?.content, now?.style, now?.painting, now?.network, now !== undefined]);
  const found = compared.value;
  return (
    <Card title={t.title}>
      <p class="hint about">
        {t.about} <a href="guide/perceptual.html#lpips">{t.how}</a> <code>npx vgg-blocks lpips</code>
      </p>
      {found ? (
        <div class={`differences ${isComparing.value ? 'busy' : ''}`}>
          <Rows />
          <Compared />
        </div>
      ) : isComparing.value ? (
        <p role="status">{text.value.inside.working}</p>
      ) : (
        <button type="button" class="button" disabled={!now} onClick={compare}>
          {t.start}
        </button>
      )}
    </Card>
  );
}

/** One row for each image, the most similar first. */
function Rows() {
  const t = text.value.difference;
  const { rows, isLpips } = compared.value!;
  return (
    <div>
      <Scroll label={t.title}>
        <table class="layers">
          <TableHead columns={['', t.pixels, isLpips ? 'LPIPS' : t.features]} />
          <tbody>
            {rows.map(({ name, image, pixels, distance }) => (
              <tr key={name}>
                <th scope="row">
                  <button
                    type="button"
                    aria-pressed={name === rowOf().name}
                    onClick={() => {
                      looked.value = name;
                    }}
                  >
                    <Pixels image={image} label="" class="smooth" />
                    {t.names[name as keyof typeof t.names]}
                  </button>
                </th>
                <td>{text.value.percent(pixels)}</td>
                <td>
                  <strong>{distance.toFixed(3)}</strong>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      <p class="hint">{isLpips ? t.lpips : t.notLpips}</p>
    </div>
  );
}

/** The row that is looked at. */
function rowOf() {
  const { rows } = compared.value!;
  return rows.find(({ name }) => name === looked.value) ?? rows[0]!;
}

/** The image, the other, and where they differ. */
function Compared() {
  const t = text.value.difference;
  const row = rowOf();
  const name = t.names[row.name as keyof typeof t.names];
  return (
    <div class="difference">
      <figure>
        <Pixels image={compared.value!.image} label={t.image} class="smooth" />
        <figcaption>{t.image}</figcaption>
      </figure>
      <figure>
        <Pixels image={row.image} label={name} class="smooth" />
        <figcaption>{name}</figcaption>
      </figure>
      <figure>
        <Pixels image={row.map} label={t.where} class="smooth" />
        <figcaption>
          {t.where}
          <Legend ends={['0', row.most.toFixed(2)]} />
          <SavePixels name={`${name}: ${t.where}`} image={row.map} />
        </figcaption>
      </figure>
    </div>
  );
}
