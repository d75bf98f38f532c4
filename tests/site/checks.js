// What a reader of a page cannot read: the functions return a line of text for each fault.

/** The channels of a computed colour, the last of them its opacity. */
function channels(colour) {
  const numbers = colour.match(/[\d.]+/g)?.map(Number);
  if (!numbers) return [0, 0, 0, 0]; // "none"
  const [red, green, blue, opacity = 1] = numbers;
  const unit = colour.startsWith("color(") ? 255 : 1;
  return [red * unit, green * unit, blue * unit, opacity];
}

/** The colour that is seen where one lies on another. */
function over(front, back) {
  const opacity = front[3];
  return [0, 1, 2].map((i) => front[i] * opacity + back[i] * (1 - opacity)).concat(1);
}

/** The contrast of two opaque colours by WCAG 2: from 1 to 21. */
function contrast(one, other) {
  const luminance = (colour) => {
    const [red, green, blue] = colour.slice(0, 3).map((each) => {
      const value = each / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

/** What is behind an element of the page. */
function background(element, known) {
  if (!element) return [255, 255, 255, 1];
  if (!known.has(element)) {
    const own = channels(getComputedStyle(element).backgroundColor);
    const opaque = own[3] === 1;
    known.set(element, opaque ? own : over(own, background(element.parentElement, known)));
  }
  return known.get(element);
}

/** How opaque an element and all that it is in make it. */
function opacity(element, known) {
  if (!element) return 1;
  if (!known.has(element)) {
    const own = Number(getComputedStyle(element).opacity);
    known.set(element, own * opacity(element.parentElement, known));
  }
  return known.get(element);
}

/** What is behind text of a drawing: the last shape before it that has its centre inside. */
function behind(text, known) {
  const box = text.getBBox();
  const svg = text.ownerSVGElement;
  const centre = svg.createSVGPoint();
  [centre.x, centre.y] = [box.x + box.width / 2, box.y + box.height / 2];
  let colour = background(svg.parentElement, known);
  for (const shape of svg.querySelectorAll("rect, circle, path")) {
    if (shape.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_PRECEDING) break;
    const fill = channels(getComputedStyle(shape).fill);
    if (fill[3] && shape.isPointInFill(centre)) colour = over(fill, colour);
  }
  return colour;
}

/** The visible elements that contain text themselves. */
function withText() {
  const found = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || found.has(element)) continue;
    if (element.closest("script, style, template, noscript, title")) continue;
    range.selectNodeContents(walker.currentNode);
    const { width, height } = range.getBoundingClientRect();
    const seen = { opacityProperty: true, visibilityProperty: true };
    if (width > 1 && height > 1 && element.checkVisibility(seen)) found.add(element);
  }
  return found;
}

/** Text whose contrast is below AA: 4.5, or 3 if it is large. */
function faint() {
  const known = new Map();
  const opacities = new Map();
  const faults = [];
  for (const element of withText()) {
    const style = getComputedStyle(element);
    const drawn = element.ownerSVGElement;
    const back = drawn ? behind(element.closest("text"), known) : background(element, known);
    const colour = channels(drawn ? style.fill : style.color);
    colour[3] *= opacity(element, opacities);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const ratio = contrast(over(colour, back), back);
    if (ratio < (large ? 3 : 4.5))
      faults.push(`${ratio.toFixed(2)}: "${element.textContent.trim().slice(0, 40)}"`);
  }
  return faults;
}

/** Code in tables that is broken into lines. */
function broken() {
  return [...document.querySelectorAll("td code, th code")]
    .filter((code) => code.getClientRects().length > 1)
    .map((code) => code.textContent);
}

/** Text of drawings that is too small to read, in pixels. */
function tiny(pixels) {
  const faults = [];
  for (const text of document.querySelectorAll("svg[viewBox] text")) {
    const { viewBox } = text.ownerSVGElement;
    const scale = text.ownerSVGElement.getBoundingClientRect().width / viewBox.baseVal.width;
    const size = parseFloat(getComputedStyle(text).fontSize) * scale;
    if (scale && size < pixels) faults.push(`${size.toFixed(1)}: "${text.textContent}"`);
  }
  return faults;
}

/** Text of drawings that is cut off at the edge. */
function cut() {
  const faults = [];
  for (const text of document.querySelectorAll("svg[viewBox] text")) {
    const inner = text.getBoundingClientRect();
    const outer = text.ownerSVGElement.getBoundingClientRect();
    if (inner.left < outer.left - 1 || inner.right > outer.right + 1)
      faults.push(`"${text.textContent}"`);
  }
  return faults;
}

/** Drawings in files of their own that follow the system instead of the page. */
function unswitched(theme) {
  return [...document.querySelectorAll('img[src$=".svg"]')]
    .filter((image) => getComputedStyle(image).colorScheme !== theme)
    .map((image) => image.getAttribute("src"));
}

/** Choose a theme, as the switch of the page does, and return the faults by kind. */
function look(theme, pixels) {
  document.body.dataset.theme = theme;
  // Nothing fades from one theme to the other while it is looked at.
  const still = document.getElementById("still") ?? document.createElement("style");
  still.id = "still";
  still.textContent = "*, ::before, ::after { transition: none !important }";
  document.head.append(still);
  const needed = document.documentElement.scrollWidth;
  return {
    needed,
    faint: faint(),
    broken: broken(),
    tiny: tiny(pixels),
    cut: cut(),
    unswitched: unswitched(theme),
  };
}

/** The bytes that the page and everything on it took. */
function transferred() {
  const entries = ["navigation", "resource"].flatMap((type) => performance.getEntriesByType(type));
  return entries.reduce((sum, entry) => sum + entry.transferSize, 0);
}
