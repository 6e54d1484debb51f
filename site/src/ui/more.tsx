import { text } from '../state/page.js';
import type { Text } from '../text/en.js';

const FIGURES = 'guide/figures/';

/** What the library does beyond the playground: the guide that shows it, pictures from there, and what does it. */
const MORE: Record<keyof Text['more'], { to: string; pictures: string[]; by?: string[] }> = {
  explain: {
    to: 'guide/gallery.html',
    pictures: ['gallery/scene-1-left.png', 'gallery/scene-1-right.png'],
    by: ['npx vgg-blocks gradcam', 'explain()'],
  },
  transfer: {
    to: 'guide/transfer.html',
    pictures: ['transfer-predictions.svg'],
    by: ['npx vgg-blocks finetune', 'transferHead()'],
  },
  app: { to: 'guide/into-your-app.html', pictures: ['bench.svg'] },
};

/** The rest of the library, as pictures that lead to its guides. */
export function More() {
  const { more: t, path } = text.value;
  return (
    <>
      <h2 class="more-title">{path.done.weights}</h2>
      <ul class="more">
        {Object.entries(MORE).map(([name, { to, pictures, by }]) => {
          const { title, about } = t[name as keyof typeof MORE];
          return (
            <li key={name} class={`card ${name}`}>
              <div class="picture" aria-hidden="true">
                {pictures.map((file) => (
                  <img key={file} src={FIGURES + file} alt="" loading="lazy" />
                ))}
              </div>
              <h3>
                <a href={to}>{title}</a>
              </h3>
              <p>{about}</p>
              {by && (
                <p class="by">
                  {by.map((one) => (
                    <code key={one}>{one}</code>
                  ))}
                </p>
              )}
            </li>
          );
        })}
      </ul>
    </>
  );
}
