import { text } from '../state/page.js';
import type { Text } from '../text/en.js';

/** What the library does beyond the playground: the guide that shows it, and pictures from there. */
const MORE: Record<keyof Text['more'], { to: string; pictures: string[] }> = {
  style: { to: 'guide/perceptual.html#style', pictures: ['guide/figures/style.jpg'] },
  lpips: { to: 'guide/perceptual.html#lpips', pictures: ['guide/figures/style.jpg'] },
  explain: {
    to: 'guide/gallery.html',
    pictures: ['guide/figures/gallery/scene-1-left.png', 'guide/figures/gallery/scene-1-right.png'],
  },
  transfer: { to: 'guide/transfer.html', pictures: ['guide/figures/transfer-predictions.svg'] },
  app: { to: 'guide/into-your-app.html', pictures: ['guide/figures/bench.svg'] },
};

/** The rest of the library, as pictures that lead to its guides. */
export function More() {
  const { more: t, path } = text.value;
  return (
    <>
      <h2 class="more-title">{path.done.weights}</h2>
      <ul class="more">
        {Object.entries(MORE).map(([name, { to, pictures }]) => {
          const { title, about } = t[name as keyof typeof MORE];
          return (
            <li key={name} class={`card ${name}`}>
              <div class="picture" aria-hidden="true">
                {pictures.map((file) => (
                  <img key={file} src={file} alt="" loading="lazy" />
                ))}
              </div>
              <h3>
                <a href={to}>{title}</a>
              </h3>
              <p>{about}</p>
            </li>
          );
        })}
      </ul>
    </>
  );
}
