// Draws the pictures of the demo catalogue: one flat illustration per product, 800 x 800, written to `demo/images/<handle>.svg`. Run it
// with `node demo/draw-images.ts`; it always writes the same bytes. The pictures are ours (MIT), and carry no lettering, so they suit any
// language. Line breaks within a drawing are for reading only: they are taken out when it is written.

import { mkdir, writeFile } from 'node:fs/promises'

const INK = '#2f3437'
const PAPER = '#fffaf1'
const WOOD = '#c08a5a'
const WOOD_DARK = '#a06f45'
const STEEL = '#c9cfd2'
const STEEL_DARK = '#a4adb2'
const COFFEE = '#4a2f22'
const BRASS = '#d8a84e'
const BRASS_DARK = '#b5853a'

const path = (d: string, fill: string, more = '') => `<path d="${d}" fill="${fill}"${more}/>`
const stroke = (d: string, colour: string, width: number, more = '') =>
  `<path d="${d}" fill="none" stroke="${colour}" stroke-width="${width}" stroke-linecap="round" stroke-linejoin="round"${more}/>`
const rect = (x: number, y: number, w: number, h: number, r: number, fill: string, more = '') =>
  `<rect x="${x}" y="${y}" width="${w}" height="${h}" rx="${r}" fill="${fill}"${more}/>`
const oval = (cx: number, cy: number, rx: number, ry: number, fill: string, more = '') =>
  `<ellipse cx="${cx}" cy="${cy}" rx="${rx}" ry="${ry}" fill="${fill}"${more}/>`
const disc = (cx: number, cy: number, r: number, fill: string, more = '') => oval(cx, cy, r, r, fill, more)
const turned = (degrees: number, inner: string) => `<g transform="rotate(${degrees} 400 400)">${inner}</g>`
const placed = (x: number, y: number, scale: number, inner: string) => `<g transform="translate(${x} ${y}) scale(${scale})">${inner}</g>`
const faint = (opacity: number) => ` opacity="${opacity}"`

/** A shape with things painted onto it that end at its outline, such as its shaded side. Ids are unique within one picture. */
function solid(id: string, d: string, fill: string, onto: string): string {
  return `<clipPath id="${id}"><path d="${d}"/></clipPath>${path(d, fill)}<g clip-path="url(#${id})">${onto}</g>`
}

/** The side away from the light: everything right of `x`. */
const dusk = (x: number, opacity = 0.1) => `<path d="M${x} 0H800V800H${x}Z" opacity="${opacity}"/>`
/** A streak of light. */
const glint = (d: string, width = 14, opacity = 0.45) => stroke(d, '#fff', width, faint(opacity))

/** Every picture: a soft wall, a large disc behind the object, and the shadow it stands on (`ground`: centre, height, half width). */
function scene(wall: string, halo: string, ground: readonly [number, number, number] | null, inner: string): string {
  const shadow = ground === null ? '' : oval(ground[0], ground[1], ground[2], ground[2] * 0.085, '#3b2a20', faint(0.16))
  return `${rect(0, 0, 800, 800, 0, wall)}${disc(400, 390, 300, halo)}${shadow}${inner}`
}

const bean = (x: number, y: number, size: number, degrees: number, fill = COFFEE) =>
  `<g transform="translate(${x} ${y}) rotate(${degrees}) scale(${size})">${oval(0, 0, 10, 14, fill)}
${stroke('M0-13C-5-4 5 4 0 13', '#fff', 2, faint(0.5))}</g>`

const steam = (x: number, y: number) =>
  stroke(`M${x} ${y}c-22-26 22-44 0-74M${x + 56} ${y - 12}c-20-24 20-40 0-68`, '#fff', 11, faint(0.75))

// --- Coffee

function stonewareMug(): string {
  const body = 'M236 276H524V520Q524 606 438 606H322Q236 606 236 520Z'
  const specks = [
    [290, 360],
    [352, 420],
    [300, 472],
    [420, 352],
    [468, 440],
    [396, 492],
    [262, 430],
    [446, 512],
    [336, 338],
  ]
  const onto = `${rect(230, 546, 300, 70, 0, '#d9b48f')}${dusk(440)}
${specks.map(([x = 0, y = 0]) => disc(x, y, 4, INK, faint(0.28))).join('')}`
  return scene(
    '#f5eadd',
    '#ead6c0',
    [390, 610, 190],
    `${stroke('M520 348C640 328 648 508 512 500', '#7f9184', 38)}
${solid('a', body, '#93a597', onto)}${oval(380, 276, 144, 32, '#b3c1b5')}${oval(380, 280, 124, 23, COFFEE)}
${oval(362, 276, 60, 9, '#7b5540', faint(0.7))}${glint('M268 340V480')}${steam(356, 216)}`,
  )
}

/** A standing bag with a folded top; `sign` is what its label shows. */
function coffeeBag(id: string, colour: string, label: string, sign: string): string {
  const bag = 'M262 214H538L556 300V620Q556 640 536 640H264Q244 640 244 620V300Z'
  return `${solid(id, bag, colour, `${dusk(480, 0.12)}${path('M244 300 262 214 300 300V640H244Z', '#fff', faint(0.1))}`)}
${rect(254, 186, 292, 52, 8, colour)}${rect(254, 186, 292, 52, 8, '#000', faint(0.14))}${rect(244, 204, 26, 16, 4, BRASS)}
${rect(530, 204, 26, 16, 4, BRASS)}
${rect(296, 336, 208, 226, 14, label)}${sign}`
}

function espressoBeans(): string {
  const sign = `${bean(400, 430, 4.2, 28)}${rect(340, 510, 120, 10, 5, COFFEE, faint(0.6))}
${rect(366, 530, 68, 8, 4, COFFEE, faint(0.35))}`
  const spilled = [
    bean(210, 634, 1.5, 70),
    bean(182, 652, 1.5, 20),
    bean(588, 640, 1.5, 110),
    bean(622, 650, 1.5, 60),
    bean(600, 664, 1.4, 10),
  ]
  return scene('#f4e3d7', '#e9c9b3', [400, 644, 210], coffeeBag('a', '#b5533c', PAPER, sign) + spilled.join(''))
}

function filterTin(): string {
  const tin = 'M262 250H538V590Q538 628 400 628T262 590Z'
  const hills = `${rect(262, 340, 280, 190, 0, '#f6e7c8')}${disc(462, 400, 30, '#e88f5b')}
${path('M262 530V470L340 400 420 470 476 428 538 486V530Z', '#3d6b66')}
${path('M262 530V500L340 462 430 530Z', '#2a504d')}`
  return scene(
    '#e3eeea',
    '#c6ddd6',
    [400, 622, 190],
    `${solid('a', tin, '#4f8a82', hills + dusk(468))}
${path('M252 226H548V262Q548 286 400 286T252 262Z', '#3d6b66')}${oval(400, 226, 148, 30, '#5f9b93')}${oval(400, 222, 60, 12, '#3d6b66')}
${glint('M286 310V580')}${bean(196, 628, 1.5, 60)}${bean(604, 632, 1.5, 120)}`,
  )
}

const dripper = (id: string) => `${solid(
  id,
  'M268 232H532L446 404H354Z',
  '#f7f1e8',
  `${stroke('M316 250 378 392M360 250 390 392M400 250V392M440 250 410 392M484 250 422 392', '#d9cfc2', 8)}${dusk(450, 0.07)}`,
)}
${stroke('M522 258C600 250 590 350 486 344', '#f7f1e8', 24)}${oval(400, 232, 132, 24, '#e4d9ca')}${oval(400, 234, 112, 17, '#8a6a50')}
${rect(304, 398, 192, 24, 12, '#f7f1e8')}${rect(304, 410, 192, 12, 6, '#d9cfc2')}`

function ceramicDripper(): string {
  const carafe = 'M340 424H460V450L524 560Q540 640 480 640H320Q260 640 276 560L340 450Z'
  const coffee = `${rect(200, 536, 400, 120, 0, COFFEE)}${oval(400, 536, 118, 12, '#6d4a36')}${rect(398, 424, 5, 112, 0, '#6d4a36')}`
  return scene(
    '#e4ecf2',
    '#cddce8',
    [400, 640, 170],
    `${path(carafe, '#fff', faint(0.75))}
${solid('b', carafe, '#dcebf4', coffee + dusk(470, 0.06))}
${stroke('M512 520C620 500 610 630 520 606', '#a9c3d4', 18)}${dripper('a')}${glint('M304 566Q296 600 308 622', 10)}`,
  )
}

function gooseneckKettle(): string {
  const body = 'M300 330H520L566 590Q570 624 536 624H284Q250 624 254 590Z'
  return scene(
    '#e9ece6',
    '#d3dccf',
    [400, 626, 220],
    `${stroke('M272 560C150 540 214 380 170 330Q158 316 136 318', '#31474a', 28)}
${stroke('M516 340C690 280 690 520 640 560', INK, 34)}${solid('a', body, '#3f5d60', dusk(456, 0.18))}
${path('M316 330Q322 286 410 286T504 330Z', '#31474a')}${disc(410, 268, 26, WOOD)}${rect(290, 322, 240, 20, 10, '#557a7d')}
${glint('M318 390 298 560')}`,
  )
}

function handGrinder(): string {
  const body = 'M308 300H492V592Q492 632 400 632T308 592Z'
  return scene(
    '#f3ebe0',
    '#e6d5bf',
    [400, 628, 140],
    `${stroke('M400 226V184H560', STEEL_DARK, 20)}${rect(540, 140, 48, 92, 24, WOOD)}
${rect(564, 140, 24, 92, 12, WOOD_DARK, faint(0.6))}
${solid(
  'a',
  body,
  STEEL,
  `${rect(300, 420, 200, 96, 0, WOOD)}
${[436, 456, 476, 496].map((y) => rect(300, y, 200, 5, 0, WOOD_DARK, faint(0.7))).join('')}${dusk(440, 0.13)}`,
)}
${path('M318 300Q322 226 400 226T482 300Z', INK)}${rect(300, 288, 200, 22, 11, '#4b5357')}${disc(400, 226, 18, STEEL)}
${glint('M334 334V400')}${glint('M334 536V590')}
${bean(208, 626, 1.5, 80)}${bean(238, 640, 1.5, 20)}`,
  )
}

function can(id: string, x: number, colour: string, wave: string): string {
  const body = `M${x} 270Q${x} 246 ${x + 20} 240H${x + 150}Q${x + 170} 246 ${x + 170} 270V594
Q${x + 170} 622 ${x + 146} 628H${x + 24}Q${x} 622 ${x} 594Z`
  const waves = `${path(`M${x} 430q42-50 85 0t85 0V660H${x}Z`, wave)}${path(`M${x} 500q42-50 85 0t85 0V660H${x}Z`, '#fff', faint(0.25))}`
  return `${solid(id, body, colour, `${waves}${dusk(x + 122, 0.13)}`)}${oval(x + 85, 240, 66, 14, STEEL)}
${oval(x + 85, 239, 52, 9, STEEL_DARK)}${oval(x + 85, 238, 17, 4, '#e9edee')}${glint(`M${x + 24} 300V400`, 11)}`
}

function coldBrewCans(): string {
  return scene(
    '#e2ebf4',
    '#c5d8ea',
    [410, 626, 240],
    `${placed(16, -18, 1, can('b', 370, '#f2c379', '#7a4a2b'))}
${can('a', 226, '#2f4a68', '#c98a4b')}
${[
  [276, 342, 7],
  [352, 320, 5],
  [330, 372, 6],
  [290, 392, 4],
]
  .map(([x = 0, y = 0, r = 0]) => disc(x, y, r, '#fff', faint(0.5)))
  .join('')}`,
  )
}

function travelTumbler(): string {
  const cup = 'M280 270H520L486 606Q482 636 452 636H348Q318 636 314 606Z'
  return scene(
    '#f6e6e2',
    '#ecccc4',
    [400, 634, 140],
    `${solid(
      'a',
      cup,
      '#d9745f',
      `${rect(200, 380, 400, 120, 0, '#f1dcc4')}
${rect(200, 394, 400, 6, 0, '#d8bb99')}${rect(200, 480, 400, 6, 0, '#d8bb99')}${dusk(440, 0.11)}`,
    )}
${path('M262 236Q264 208 292 204H508Q536 208 538 236V262Q538 276 524 276H276Q262 276 262 262Z', '#5b3a35')}
${path('M300 204 312 172H488L500 204Z', '#734a43')}${rect(424, 166, 52, 12, 6, '#2c1a18')}${glint('M316 300 322 364')}
${glint('M338 516 344 600')}`,
  )
}

// --- Paper and desk

function dottedNotebook(): string {
  const dots = Array.from({ length: 20 }, (_, index) => disc(600 + (index % 2) * 9, 210 + index * 20, 1.5, '#b9ae9b')).join('')
  return scene(
    '#efe8f1',
    '#dccfe2',
    null,
    turned(
      -8,
      `${rect(236, 182, 372, 468, 20, '#000', faint(0.13))}
${rect(236, 168, 372, 468, 16, PAPER)}${dots}
${rect(220, 160, 364, 468, 18, '#4b3f72')}${rect(220, 160, 56, 468, 18, '#3a3059')}${rect(322, 250, 170, 112, 10, '#efe8f1')}
${rect(346, 284, 122, 10, 5, '#4b3f72', faint(0.6))}${rect(346, 314, 84, 10, 5, '#4b3f72', faint(0.35))}
${rect(528, 160, 18, 468, 0, '#f0a45d')}${path('M330 628h34v64l-17-18-17 18Z', '#f0a45d')}${glint('M296 190V300', 8, 0.2)}`,
    ),
  )
}

function fountainPen(): string {
  return scene(
    '#e5eae7',
    '#cbd8d1',
    null,
    turned(
      42,
      `${rect(366, 104, 82, 600, 41, '#000', faint(0.1))}
${rect(362, 120, 76, 300, 30, BRASS)}${rect(404, 120, 34, 300, 22, BRASS_DARK, faint(0.55))}
${rect(356, 396, 88, 22, 6, '#8d662b')}${stroke('M446 150V290', BRASS_DARK, 12)}${disc(446, 296, 10, BRASS_DARK)}
${path('M366 418H434L424 560H376Z', INK)}${path('M404 418H434L424 560H404Z', '#000', faint(0.25))}
${path('M376 560H424Q432 620 400 690 368 620 376 560Z', '#eccb84')}${path('M400 560H424Q432 620 400 690Z', BRASS_DARK, faint(0.55))}
${stroke('M400 612V684', '#6b4c1f', 4)}${disc(400, 606, 8, '#6b4c1f')}${glint('M380 150V380', 9, 0.6)}`,
    ) + stroke('M176 636c30-44 52 34 84-8s38 30 62 0', '#33517d', 8),
  )
}

function pencilSet(): string {
  const colours = ['#d95d4e', '#eda94a', '#5b9a7d', '#4179a8', '#6b588f']
  const pencils = colours.map((colour, index) => {
    const x = 218 + index * 76
    const y = 196 + (index - 2) ** 2 * 9
    return `${path(`M${x} ${y + 92} ${x + 30} ${y} ${x + 60} ${y + 92}Z`, '#f1d5ae')}
${path(`M${x + 20} ${y + 31} ${x + 30} ${y} ${x + 40} ${y + 31}Z`, colour)}
${rect(x, y + 88, 60, 520 - y, 0, colour)}${rect(x + 40, y + 88, 20, 520 - y, 0, '#000', faint(0.15))}
${rect(x, y + 88, 18, 520 - y, 0, '#fff', faint(0.22))}`
  })
  return scene(
    '#f7f0dc',
    '#efe0b8',
    [400, 640, 236],
    `${pencils.join('')}${rect(196, 440, 408, 200, 18, '#e9dcc4')}
${rect(196, 440, 408, 200, 18, WOOD, faint(0.28))}${rect(196, 440, 408, 22, 11, '#fff', faint(0.35))}
${rect(196, 612, 408, 28, 14, '#000', faint(0.08))}${disc(400, 544, 42, PAPER)}${path('M388 572 400 512 412 572Z', '#d95d4e')}`,
  )
}

function inkBottle(): string {
  const glass = 'M276 380Q276 350 320 342V310H480V342Q524 350 524 380L556 590Q560 628 520 628H280Q240 628 244 590Z'
  return scene(
    '#e2e8f3',
    '#c4d1e8',
    [400, 626, 190],
    `${solid(
      'a',
      glass,
      '#cbdaf0',
      `${path('M200 420H600V640H200Z', '#2d4f8e')}
${oval(400, 420, 136, 14, '#4a70b5')}${dusk(470, 0.13)}`,
    )}
${rect(302, 214, 196, 104, 14, '#26334d')}
${[326, 352, 378, 404, 430, 456].map((x) => rect(x, 226, 8, 80, 4, '#fff', faint(0.12))).join('')}
${rect(302, 214, 196, 20, 10, '#3c4d70')}
${rect(312, 466, 176, 108, 10, PAPER)}${path('M400 484C422 514 428 524 428 536a28 24 0 0 1-56 0C372 524 378 514 400 484Z', '#2d4f8e')}
${glint('M280 420 264 580', 12, 0.5)}${disc(612, 628, 14, '#2d4f8e')}${disc(640, 640, 7, '#2d4f8e')}`,
  )
}

function deskLamp(): string {
  return scene(
    '#f8eed8',
    '#f3deae',
    [400, 640, 190],
    `${path('M392 366 250 640H610L560 300Z', '#fff3c4', faint(0.55))}
${stroke('M300 618 236 420 436 250', '#2f5d62', 20)}${disc(236, 420, 20, BRASS)}${disc(300, 610, 16, BRASS)}
${rect(206, 608, 190, 32, 16, '#2f5d62')}${rect(206, 624, 190, 16, 8, '#000', faint(0.15))}${disc(478, 342, 40, '#ffe08a')}
${solid(
  'a',
  'M404 214Q430 178 478 190L600 300Q560 300 500 340T372 380Q366 280 404 214Z',
  '#3f7c82',
  path('M470 180 620 300Q540 310 470 360Q520 260 470 180Z', '#000', faint(0.14)),
)}
${disc(430, 208, 22, BRASS)}${glint('M404 262Q396 300 398 336', 10)}`,
  )
}

function washiTape(): string {
  const roll = (x: number, y: number, colour: string, trim: string, marks: string) =>
    `${disc(x + 10, y + 14, 122, '#000', faint(0.1))}${disc(x, y, 122, colour)}${marks}${disc(x, y, 78, trim)}
${disc(x, y, 62, '#f4e9ec')}${disc(x, y, 78, '#000', faint(0.06))}${disc(x + 3, y + 4, 60, '#dcc7ce')}
${stroke(`M${x - 92} ${y - 40}A100 100 0 0 1 ${x - 30} ${y - 96}`, '#fff', 9, faint(0.5))}`
  const ring = (x: number, y: number, colour: string, dash: string) =>
    `<circle cx="${x}" cy="${y}" r="100" fill="none" stroke="${colour}" stroke-width="18" stroke-dasharray="${dash}"/>`
  return scene(
    '#f7e9ec',
    '#eed0d7',
    null,
    `${path('M380 616H690l-16 19 16 19H380Z', '#4f8b8d')}
${path('M470 626h206v7H470Z', '#fff', faint(0.35))}
${roll(296, 300, '#e58a9b', '#c8a37b', ring(296, 300, '#fbe3e8', '2 29.4'))}
${roll(528, 352, '#f2bd5c', '#c8a37b', ring(528, 352, '#d9962b', '20 32.3'))}
${roll(380, 532, '#5f9ea0', '#c8a37b', ring(380, 532, '#d8efee', '5 15.9'))}`,
  )
}

function wallCalendar(): string {
  const days = Array.from({ length: 28 }, (_, index) => {
    const fill = index === 17 ? '#e0664f' : index % 7 > 4 ? '#d9c7ae' : '#e8dfd0'
    return rect(252 + (index % 7) * 43, 448 + Math.floor(index / 7) * 42, 34, 32, 7, fill)
  })
  const rings = [280, 340, 400, 460, 520].map((x) => `${disc(x, 196, 9, '#8b7c68')}${stroke(`M${x} 196v-34`, STEEL_DARK, 8)}`)
  return scene(
    '#e6eef0',
    '#cbdde1',
    null,
    `${stroke('M300 168 400 108 500 168', '#8b7c68', 5)}${disc(400, 106, 9, INK)}
${rect(232, 186, 352, 460, 14, '#000', faint(0.12))}${rect(222, 172, 356, 458, 14, PAPER)}
${solid(
  'a',
  'M240 214H560V424H240Z',
  '#bfe0e2',
  `${disc(486, 276, 34, '#f6c667')}
${path('M220 430 330 290 420 400 480 330 580 430Z', '#3c7a78')}${path('M330 290 368 336 340 350 318 336 298 330Z', PAPER)}
${path('M220 430Q330 372 430 404T580 396V440H220Z', '#7fb069')}`,
)}${days.join('')}${rings.join('')}`,
  )
}

// --- Outdoors

function fieldTee(): string {
  const shirt = `M300 196 206 240Q178 256 168 288L136 400 226 430 256 364V628Q256 640 268 640
H532Q544 640 544 628V364L574 430 664 400 632 288Q622 256 594 240L500 196Q400 268 300 196Z`
  return scene(
    '#e8eddf',
    '#d2ddc0',
    null,
    `<g transform="translate(10 16)">${path(shirt, '#000', faint(0.1))}</g>
${solid(
  'a',
  shirt,
  '#5d7a57',
  `${dusk(478, 0.07)}${stroke('M256 364 270 300M544 364 530 300', '#3f5a3b', 6, faint(0.6))}
${stroke('M140 384 232 414M660 384 568 414', '#3f5a3b', 5, faint(0.6))}${stroke('M256 616H544', '#3f5a3b', 5, faint(0.6))}`,
)}
${stroke('M300 196Q400 268 500 196', '#48653f', 20)}
${rect(436, 318, 72, 82, 8, '#6f8d68')}${path('M448 382 466 346 478 366 486 354 498 382Z', '#e8eddf')}`,
  )
}

function rainShell(): string {
  const coat = 'M308 236 222 276Q194 292 186 330L146 566 222 586 262 420V640H538V420L578 586 654 566 614 330Q606 292 578 276L492 236Z'
  const onto = `${dusk(402, 0.07)}${stroke('M262 420 272 330M538 420 528 330', '#b3761a', 6, faint(0.6))}
${rect(255, 616, 290, 24, 0, '#b3761a', faint(0.35))}${stroke('M156 540 232 560M644 540 568 560', '#b3761a', 8, faint(0.5))}`
  return scene(
    '#e0eaf1',
    '#c2d6e4',
    null,
    `<g transform="translate(10 14)">${path(coat, '#000', faint(0.1))}</g>
${solid('a', coat, '#efb03f', onto)}
${path('M302 252Q290 132 400 124 510 132 498 252 450 300 400 300T302 252Z', '#dc9a2c')}
${path('M330 246Q330 172 400 168 470 172 470 246 440 280 400 282T330 246Z', '#6b4a18')}
${stroke('M400 284V636', '#8a5f1c', 7)}${rect(392, 296, 16, 34, 6, PAPER)}${stroke('M300 486 352 524M500 486 448 524', '#8a5f1c', 9)}
${stroke('M368 282V350M432 282V344', PAPER, 5)}
${[
  [150, 180],
  [660, 210],
  [120, 330],
  [690, 400],
  [600, 130],
  [224, 138],
]
  .map(([x = 0, y = 0]) => stroke(`M${x} ${y}l-12 30`, '#7fa6c2', 7))
  .join('')}`,
  )
}

function woolBeanie(): string {
  const cap = 'M222 510Q214 240 400 236T578 510Z'
  const knit = [270, 322, 374, 426, 478, 530].map((x) =>
    stroke(`M${x} 510Q${400 + (x - 400) * 0.9} 330 ${400 + (x - 400) * 0.3} 240`, '#8f3a35', 6, faint(0.45)),
  )
  const cuff = [240, 272, 304, 336, 368, 400, 432, 464, 496, 528, 560].map((x) => stroke(`M${x} 506V584`, '#8f3a35', 6, faint(0.4)))
  return scene(
    '#f3e6e1',
    '#e7cbc1',
    [400, 602, 210],
    `${disc(400, 214, 58, '#f3e2cf')}
${[
  [370, 190],
  [424, 184],
  [392, 236],
  [430, 232],
  [364, 226],
]
  .map(([x = 0, y = 0]) => stroke(`M${x} ${y}l12 12`, '#d5bda2', 6))
  .join('')}
${solid('a', cap, '#c0524a', `${knit.join('')}${dusk(480, 0.1)}`)}
${solid(
  'b',
  'M226 488H574Q594 488 594 508V580Q594 602 572 602H228Q206 602 206 580V508Q206 488 226 488Z',
  '#cf6359',
  `${cuff.join('')}
${dusk(480, 0.1)}`,
)}`,
  )
}

function campLantern(): string {
  return scene(
    '#dfe4ee',
    '#f5e2b0',
    [400, 640, 170],
    `${disc(400, 420, 190, '#fff2c2', faint(0.7))}
${stroke('M286 300C270 120 530 120 514 300', INK, 12)}${rect(318, 330, 164, 206, 26, '#fff8dc')}
${path('M400 372C446 430 444 500 400 512 356 500 354 430 400 372Z', '#f7b733')}
${path('M400 426C424 456 422 496 400 502 378 496 376 456 400 426Z', '#fff3c4')}
${stroke('M318 330V536M482 330V536M360 330V536M440 330V536', '#8e3d35', 8)}${path('M296 336 330 262H470L504 336Z', '#b8503f')}
${path('M420 262H470L504 336H430Z', '#000', faint(0.12))}${rect(352, 228, 96, 40, 14, '#8e3d35')}${rect(288, 326, 224, 24, 12, '#8e3d35')}
${path('M300 528H500L528 612Q530 640 502 640H298Q270 640 272 612Z', '#b8503f')}
${path('M440 528H500L528 612Q530 640 502 640H450Z', '#000', faint(0.12))}${disc(400, 586, 18, BRASS)}${glint('M330 558 318 604', 9)}`,
  )
}

function foldingStool(): string {
  return scene(
    '#efe9dc',
    '#dfd3bb',
    [400, 640, 210],
    `${stroke('M536 360 256 628', WOOD_DARK, 26)}
${stroke('M264 360 544 628', WOOD, 26)}${disc(400, 492, 13, BRASS)}${stroke('M300 596H504', WOOD_DARK, 14)}
${solid(
  'a',
  'M214 300H586L566 366Q400 430 234 366Z',
  '#44707a',
  `${dusk(486, 0.1)}${stroke('M220 326Q400 392 580 326', '#e8dfc9', 8)}
${stroke('M226 348Q400 414 574 348', '#e8dfc9', 4)}`,
)}${rect(192, 280, 416, 34, 17, WOOD)}
${rect(192, 298, 416, 16, 8, WOOD_DARK, faint(0.5))}${glint('M214 290H420', 6, 0.4)}`,
  )
}

function woolBlanket(): string {
  const layer = (id: string, y: number, colour: string, stripes: readonly (readonly [number, string])[]) =>
    solid(
      id,
      `M200 ${y}H560Q610 ${y} 610 ${y + 46}T560 ${y + 92}H200Q184 ${y + 92} 184 ${y + 46}T200 ${y}Z`,
      colour,
      `${stripes.map(([x, fill]) => rect(x, y, 26, 100, 0, fill)).join('')}${rect(180, y + 70, 440, 30, 0, '#000', faint(0.1))}`,
    )
  const fringe = Array.from({ length: 13 }, (_, index) => stroke(`M${214 + index * 29} 628v30`, '#efe3cf', 7)).join('')
  return scene(
    '#e7ecea',
    '#cfdbd6',
    [400, 662, 226],
    `${fringe}
${layer('c', 536, '#efe3cf', [
  [270, '#b9583f'],
  [320, '#3f5f5a'],
  [480, '#d9a441'],
])}
${layer('b', 440, '#3f5f5a', [
  [270, '#efe3cf'],
  [320, '#d9a441'],
  [480, '#efe3cf'],
])}
${layer('a', 344, '#efe3cf', [
  [270, '#b9583f'],
  [320, '#3f5f5a'],
  [480, '#d9a441'],
])}
${stroke('M400 338V634', '#8a5a36', 22)}${rect(380, 420, 40, 52, 8, 'none', ` stroke="${BRASS}" stroke-width="9"`)}
${stroke('M350 338Q400 262 450 338', '#8a5a36', 20)}`,
  )
}

function dayPack(): string {
  const pack = 'M262 360Q262 196 400 196T538 360V590Q538 636 492 636H308Q262 636 262 590Z'
  return scene(
    '#f5e9da',
    '#ecd3b2',
    [400, 638, 200],
    `${stroke('M352 206Q352 140 400 140T448 206', '#1f3d47', 18)}
${stroke('M266 380Q212 400 220 560M534 380Q588 400 580 560', '#1f3d47', 26)}
${solid('a', pack, '#2f5a68', `${dusk(470, 0.12)}`)}
${solid('b', 'M272 372Q272 214 400 214T528 372Q528 392 508 392H292Q272 392 272 372Z', '#3d7181', dusk(470, 0.1))}
${rect(296, 444, 208, 160, 24, '#3d7181')}${stroke('M316 480H484', '#1f3d47', 7)}${rect(330, 350, 26, 116, 8, WOOD)}
${rect(444, 350, 26, 116, 8, WOOD)}${rect(324, 418, 38, 28, 6, BRASS)}${rect(438, 418, 38, 28, 6, BRASS)}
${rect(362, 270, 76, 52, 8, '#e9dcc4')}${path('M374 312 394 282 406 300 414 290 428 312Z', '#2f5a68')}
${path('M484 480h12v36l-6 8-6-8Z', '#e8823a')}${glint('M298 300Q304 256 340 240', 9, 0.3)}`,
  )
}

function fieldCompass(): string {
  const ticks = Array.from(
    { length: 24 },
    (_, index) =>
      `<path d="M400 262v${index % 6 === 0 ? 30 : 14}" stroke="${INK}"
 stroke-width="${index % 6 === 0 ? 9 : 4}" transform="rotate(${index * 15} 400 430)"/>`,
  )
  return scene(
    '#e9efe4',
    '#d2dfc8',
    null,
    `${disc(410, 448, 218, '#000', faint(0.1))}
${disc(400, 186, 42, 'none', ` stroke="${BRASS_DARK}" stroke-width="18"`)}${rect(378, 196, 44, 40, 8, BRASS_DARK)}
${disc(400, 430, 214, BRASS)}${path('M400 216a214 214 0 0 1 0 428Z', BRASS_DARK, faint(0.45))}${disc(400, 430, 178, PAPER)}
${ticks.join('')}
<g transform="rotate(34 400 430)">${path('M400 300 430 430H370Z', '#d5503f')}${path('M400 300 430 430H400Z', '#a93a2d')}
${path('M400 560 430 430H370Z', '#5a6b72')}${path('M400 560 430 430H400Z', '#414f55')}</g>${disc(400, 430, 18, BRASS)}
${stroke('M268 350A152 152 0 0 1 330 290', '#fff', 14, faint(0.8))}`,
  )
}

function insulatedBottle(): string {
  const bottle = 'M340 262H460Q470 300 494 320 512 338 512 372V600Q512 638 474 638H326Q288 638 288 600V372Q288 338 306 320 330 300 340 262Z'
  return scene(
    '#e1efee',
    '#c2dfdc',
    [400, 638, 150],
    `${stroke('M356 196Q352 118 400 118T444 196', INK, 18)}
${rect(336, 184, 128, 70, 16, INK)}${rect(336, 184, 128, 18, 9, '#fff', faint(0.12))}${rect(344, 250, 112, 18, 6, STEEL)}
${solid(
  'a',
  bottle,
  '#2b8c86',
  `${path('M280 540 350 460 408 524 452 482 520 556V650H280Z', '#23746f')}
${disc(448, 420, 24, '#f4d58b')}${rect(280, 612, 240, 30, 0, '#1c5d59')}${dusk(448, 0.13)}`,
)}${glint('M318 380V580')}`,
  )
}

function campKettle(): string {
  const pot = 'M248 400H552L574 560Q580 628 512 628H288Q220 628 226 560Z'
  const specks = [
    [290, 450],
    [350, 520],
    [300, 570],
    [420, 470],
    [470, 560],
    [510, 490],
    [380, 590],
    [262, 520],
    [440, 530],
  ]
  return scene(
    '#e4e9f3',
    '#ccd6ea',
    [400, 630, 210],
    `${stroke('M254 410C200 130 600 130 546 410', STEEL_DARK, 13)}
${rect(340, 184, 120, 34, 17, WOOD)}${path('M560 462Q620 450 640 380L676 372Q670 520 570 540Z', '#33548f')}
${solid('a', pot, '#3f66a8', `${specks.map(([x = 0, y = 0]) => disc(x, y, 5, '#fff', faint(0.55))).join('')}${dusk(470, 0.13)}`)}
${path('M262 398Q270 324 400 318 530 324 538 398Z', '#4a74ba')}${rect(236, 386, 328, 24, 12, '#27427a')}${disc(400, 306, 24, INK)}
${glint('M268 440 258 560')}`,
  )
}

function hikingMap(): string {
  const panel = (x: number, up: boolean, fill: string) =>
    path(`M${x} ${up ? 230 : 270}L${x + 120} ${up ? 270 : 230}V${up ? 610 : 570}L${x} ${up ? 570 : 610}Z`, fill)
  const contours = [0, 1, 2, 3].map(
    (n) =>
      `<ellipse cx="330" cy="370" rx="${34 + n * 34}" ry="${22 + n * 26}"
 fill="none" stroke="#7fa36b" stroke-width="5" transform="rotate(-20 330 370)"/>`,
  )
  const sheet = 'M160 230 280 270 400 230 520 270 640 230V570L520 610 400 570 280 610 160 570Z'
  return scene(
    '#eaf0e0',
    '#d3e1be',
    null,
    `<g transform="translate(8 18)">${path(sheet, '#000', faint(0.12))}</g>
${solid(
  'a',
  sheet,
  '#eef3d6',
  `${panel(160, true, '#f3f7df')}${panel(280, false, '#e2eac4')}${panel(400, true, '#f3f7df')}${panel(520, false, '#e2eac4')}
${contours.join('')}${path('M470 630Q500 500 560 480T700 400V700H470Z', '#9cc9dc')}
${path('M440 250q60 20 110 90l40 10V200H440Z', '#a9c98c', faint(0.8))}
${stroke('M196 540C260 500 240 440 330 420S430 330 520 360 590 300 600 290', '#d5503f', 9, ' stroke-dasharray="20 18"')}`,
)}
${path('M600 300C560 250 566 196 600 196S640 250 600 300Z', '#d5503f')}${disc(600, 232, 15, PAPER)}${disc(196, 540, 14, '#d5503f')}
${disc(196, 540, 6, PAPER)}`,
  )
}

// --- What is not a thing: files, credit, subscriptions, sets

function brewingGuide(): string {
  return scene(
    '#e5e4f2',
    '#cfcce8',
    null,
    turned(
      6,
      `${rect(240, 152, 344, 508, 36, '#000', faint(0.12))}
${rect(228, 138, 344, 508, 36, INK)}${rect(250, 168, 300, 448, 14, '#f6ead8')}${rect(250, 168, 300, 250, 14, '#c96f4a')}
${rect(250, 380, 300, 40, 0, '#c96f4a')}
${placed(
  226,
  114,
  0.44,
  `${dripper('a')}${path('M340 430H460L500 600Q500 640 460 640H340Q300 640 300 600Z', '#f7dfc7')}
${path('M318 540H482L500 600Q500 640 460 640H340Q300 640 300 600Z', COFFEE)}`,
)}
${rect(282, 452, 200, 18, 9, COFFEE, faint(0.75))}${rect(282, 488, 236, 10, 5, COFFEE, faint(0.3))}
${rect(282, 512, 220, 10, 5, COFFEE, faint(0.3))}${rect(282, 536, 150, 10, 5, COFFEE, faint(0.3))}
${rect(282, 576, 236, 8, 4, '#d8c4a8')}${rect(282, 576, 90, 8, 4, '#c96f4a')}`,
    ),
  )
}

function rechargeCard(): string {
  const card = 'M190 250H610Q640 250 640 280V520Q640 550 610 550H190Q160 550 160 520V280Q160 250 190 250Z'
  const behind = turned(9, path(card, '#f3b65a'))
  return scene(
    '#e3edf7',
    '#c5daf0',
    null,
    `${behind}
${turned(
  -7,
  `<g transform="translate(6 16)">${path(card, '#000', faint(0.14))}</g>
${solid('a', card, '#2c5fa3', `${disc(600, 250, 190, '#3a76c4')}${disc(640, 250, 110, '#5492de')}${disc(180, 580, 120, '#244f8a')}`)}
${rect(204, 300, 74, 56, 10, '#f2d185')}${stroke('M204 328H278M241 300V356', '#b98f38', 4)}
${path('M432 300 352 424H404L380 508 464 380H410Z', '#ffe08a')}${rect(204, 484, 130, 14, 7, '#fff', faint(0.7))}
${rect(204, 452, 84, 12, 6, '#fff', faint(0.4))}${disc(566, 484, 34, '#fff', faint(0.92))}
${stroke('M566 466V502M548 484H584', '#2c5fa3', 9)}`,
)}`,
  )
}

function cafeCredit(): string {
  const coin = (x: number, y: number) => `${path(`M${x - 92} ${y}v24a92 26 0 0 0 184 0v-24Z`, BRASS_DARK)}${oval(x, y, 92, 26, BRASS)}
${oval(x, y, 70, 18, '#e9c274')}`
  const coins = [612, 576, 540].map((y) => coin(272, y)).join('') + [612, 576, 540, 504, 468].map((y) => coin(520, y)).join('')
  return scene(
    '#f7ebe0',
    '#efd4b8',
    [400, 648, 240],
    `${coins}${disc(410, 318, 142, '#000', faint(0.08))}${disc(400, 306, 142, BRASS)}
${disc(400, 306, 116, '#e9c274')}${path('M400 164a142 142 0 0 1 0 284Z', BRASS_DARK, faint(0.22))}
${path('M336 276H440V330Q440 372 398 372H378Q336 372 336 330Z', PAPER)}${stroke('M440 292Q480 290 476 320T434 344', PAPER, 13)}
${rect(326, 382, 124, 12, 6, PAPER)}${stroke('M370 254c-10-14 10-22 0-38M406 254c-10-14 10-22 0-38', PAPER, 9)}`,
  )
}

function coffeeClub(): string {
  const small = placed(216, 120, 0.46, coffeeBag('b', '#b5533c', PAPER, bean(400, 450, 5, 28)))
  const other = placed(330, 104, 0.46, coffeeBag('c', '#4f8a82', PAPER, bean(400, 450, 5, -24)))
  return scene(
    '#efe6f0',
    '#dfcbe1',
    [400, 646, 230],
    `${path('M210 400 150 330 250 290 300 370Z', '#c39a6b')}
${path('M590 400 650 330 550 290 500 370Z', '#b68a5a')}${path('M210 400 270 350H530L590 400Z', '#8f683f')}${small}${other}
${solid(
  'a',
  'M204 398H596V620Q596 644 572 644H228Q204 644 204 620Z',
  '#d3a873',
  `${dusk(500, 0.08)}
${rect(376, 390, 48, 74, 0, '#e7cfa6')}`,
)}
${disc(400, 546, 62, PAPER)}${stroke('M362 540A40 40 0 0 1 432 522M438 552A40 40 0 0 1 368 570', '#7d4f86', 10)}
${path('M444 504 440 540 412 520Z', '#7d4f86')}${path('M356 588 360 552 388 572Z', '#7d4f86')}`,
  )
}

function starterKit(): string {
  const bag = placed(158, 92, 0.6, coffeeBag('b', '#b5533c', PAPER, bean(400, 450, 5, 28)))
  const cone = placed(302, 236, 0.54, dripper('c'))
  const filters = `${path('M226 300H330L300 460H256Z', PAPER)}${path('M244 300H348L318 460H274Z', '#efe3cf')}`
  const slats = [470, 534, 598].map(
    (y) => `${rect(176, y, 448, 50, 8, WOOD)}${rect(176, y + 38, 448, 12, 6, WOOD_DARK, faint(0.6))}
${disc(206, y + 24, 5, '#7a5231')}${disc(594, y + 24, 5, '#7a5231')}`,
  )
  const ribbon = `${rect(378, 462, 44, 190, 0, '#d95d4e')}${path('M400 486Q330 420 306 470T400 486Z', '#c24a3c')}
${path('M400 486Q470 420 494 470T400 486Z', '#c24a3c')}${disc(400, 486, 18, '#d95d4e')}`
  return scene(
    '#e6eee2',
    '#cde0c4',
    [400, 652, 250],
    `${placed(-26, 0, 1, filters)}${bag}${cone}
${rect(176, 452, 448, 200, 8, '#7a5231')}${slats.join('')}${ribbon}`,
  )
}

/** Every picture, by the handle of its product. */
const PICTURES: Readonly<Record<string, () => string>> = {
  'stoneware-mug': stonewareMug,
  'house-espresso-beans': espressoBeans,
  'highland-filter-coffee': filterTin,
  'ceramic-dripper': ceramicDripper,
  'gooseneck-kettle': gooseneckKettle,
  'hand-grinder': handGrinder,
  'cold-brew-can': coldBrewCans,
  'travel-tumbler': travelTumbler,
  'dotted-notebook': dottedNotebook,
  'brass-fountain-pen': fountainPen,
  'pencil-set': pencilSet,
  'blue-black-ink': inkBottle,
  'desk-lamp': deskLamp,
  'washi-tape-trio': washiTape,
  'wall-calendar': wallCalendar,
  'field-tee': fieldTee,
  'rain-shell': rainShell,
  'wool-beanie': woolBeanie,
  'camp-lantern': campLantern,
  'folding-stool': foldingStool,
  'wool-blanket': woolBlanket,
  'day-pack': dayPack,
  'field-compass': fieldCompass,
  'insulated-bottle': insulatedBottle,
  'enamel-camp-kettle': campKettle,
  'alpine-hiking-map': hikingMap,
  'home-brewing-guide': brewingGuide,
  'recharge-card': rechargeCard,
  'cafe-credit': cafeCredit,
  'coffee-club': coffeeClub,
  'pour-over-starter-kit': starterKit,
}

const directory = new URL('images/', import.meta.url)
await mkdir(directory, { recursive: true })
for (const [handle, draw] of Object.entries(PICTURES)) {
  const drawing = draw().replaceAll('\n', '')
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 800 800" width="800" height="800">${drawing}</svg>\n`
  if (svg.length > 6000) throw new Error(`${handle}.svg has ${svg.length} bytes; pictures stay below 6000`)
  await writeFile(new URL(`${handle}.svg`, directory), svg)
}
