/** A page that looks like an application's. */
export const PAGE = `<!doctype html><style>
body { font: 14px/1.5 'DejaVu Sans', sans-serif; margin: 0; color: #222; background: #fff }
header { background: #24303f; color: #fff; padding: 12px 20px; font-size: 18px }
main { padding: 16px 20px }
table { border-collapse: collapse; width: 100% }
td, th { border-bottom: 1px solid #ddd; padding: 5px 8px; text-align: left }
td:last-child, th:last-child { text-align: right }
button { background: #1a73e8; color: #fff; border: 0; border-radius: 4px; padding: 9px 18px; font: inherit }
.note { border: 1px solid #ccc; border-radius: 4px; padding: 8px 12px; margin: 14px 0; width: 420px }
svg { vertical-align: -3px; margin-right: 6px }
</style>
<header><svg width="18" height="18"><circle cx="9" cy="9" r="8" fill="#f6b73c"/></svg>Account 4711</header>
<main><table>
<tr><th>Date</th><th>Payment</th><th>Amount</th></tr>
<tr><td>3 March</td><td>Rent for the office</td><td>-1,284.50</td></tr>
<tr><td>7 March</td><td>Refund of a ticket</td><td>84.20</td></tr>
<tr><td>12 March</td><td>Transfer from savings</td><td>2,500.00</td></tr>
<tr><td>19 March</td><td>Electricity and water</td><td>-196.75</td></tr>
</table>
<p class="note"><svg width="16" height="16"><path d="M8 1L15 15H1Z" fill="#d93025"/></svg>The next payment is due on 1 April.</p>
<p id="text">Statements are kept for ten years. Ask us for older ones.</p>
<button>Send money</button></main>`;

/** A change of the page, and whether a test should accept it. */
export interface Case {
  name: string;
  /** A difference of rendering on the same machine, or of fonts on another, both of which mean nothing, or a fault of the page. */
  kind: 'rendering' | 'fonts' | 'fault';
  /** Returns the changed page. */
  change?: (page: string) => string;
  /** Arguments of Chromium. */
  args?: string[];
  /** Settings of fontconfig: how glyphs are hinted, and whether their edges use the three colors of a pixel. */
  fonts?: { hintstyle: 'hintnone' | 'hintslight' | 'hintfull'; rgba: 'none' | 'rgb' };
  /** Device pixels per CSS pixel; the screenshot is then reduced. */
  scale?: number;
}

const replaced = (from: string, to: string) => (page: string) => {
  if (!page.includes(from)) throw new Error(`the page has no ${from}.`);
  return page.replace(from, to);
};
const styled = (css: string) => replaced('</style>', `${css}</style>`);

export const CASES: readonly Case[] = [
  { name: 'the same page again', kind: 'rendering' },
  {
    name: 'rasterized on a GPU',
    kind: 'rendering',
    args: ['--use-angle=swiftshader', '--enable-unsafe-swiftshader'],
  },
  { name: 'another color profile', kind: 'rendering', args: ['--force-color-profile=display-p3-d65'] },
  {
    name: 'on a layer of its own',
    kind: 'rendering',
    change: styled('main { will-change: transform; opacity: 0.999 }'),
  },
  {
    name: 'a quarter of a pixel lower',
    kind: 'rendering',
    change: styled('main { transform: translateY(0.25px) }'),
  },
  { name: 'no hinting', kind: 'fonts', fonts: { hintstyle: 'hintnone', rgba: 'none' } },
  { name: 'full hinting', kind: 'fonts', fonts: { hintstyle: 'hintfull', rgba: 'none' } },
  { name: 'edges of three colors (LCD)', kind: 'fonts', fonts: { hintstyle: 'hintslight', rgba: 'rgb' } },
  { name: 'no subpixel positions', kind: 'fonts', args: ['--disable-font-subpixel-positioning'] },
  { name: 'two device pixels, reduced', kind: 'fonts', scale: 2 },
  { name: 'a digit', kind: 'fault', change: replaced('1,284.50', '1,234.50') },
  { name: 'a missing minus', kind: 'fault', change: replaced('-196.75', '196.75') },
  { name: 'a decimal point', kind: 'fault', change: replaced('84.20', '8.420') },
  { name: 'a word', kind: 'fault', change: replaced('savings', 'account') },
  { name: 'a missing icon', kind: 'fault', change: replaced('<path d="M8 1L15 15H1Z" fill="#d93025"/>', '') },
  { name: 'the color of the icon', kind: 'fault', change: replaced('fill="#d93025"', 'fill="#188038"') },
  { name: 'the button a little lighter', kind: 'fault', change: replaced('#1a73e8', '#3a83ea') },
  { name: 'a red button', kind: 'fault', change: replaced('#1a73e8', '#d93025') },
  { name: 'pale text', kind: 'fault', change: styled('#text { color: #999 }') },
  { name: 'bold text', kind: 'fault', change: styled('#text { font-weight: bold }') },
  { name: 'missing lines of the table', kind: 'fault', change: styled('td, th { border-color: #fff }') },
  {
    name: 'a missing row',
    kind: 'fault',
    change: replaced('<tr><td>7 March</td><td>Refund of a ticket</td><td>84.20</td></tr>', ''),
  },
  {
    name: 'the button 1 pixel lower',
    kind: 'fault',
    change: styled('button { position: relative; top: 1px }'),
  },
  {
    name: 'the button 8 pixels lower',
    kind: 'fault',
    change: styled('button { position: relative; top: 8px }'),
  },
  { name: 'everything 1 pixel lower', kind: 'fault', change: styled('main { padding-top: 17px }') },
];
