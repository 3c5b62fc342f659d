// What the tests ask of a page; each function is called by name.
({
  // Everything unfolded and drawn, so that all of it can be measured.
  unfold() {
    for (const fold of document.querySelectorAll('details')) fold.open = true;
    for (const each of document.querySelectorAll('*')) each.style.contentVisibility = 'visible';
    return document.querySelectorAll('details[open]').length;
  },

  // Whatever is wider than its place, outside of the windows that scroll on purpose.
  overflowing() {
    const root = document.documentElement;
    const found = root.scrollWidth > root.clientWidth ? [`the document: ${root.scrollWidth} > ${root.clientWidth}`] : [];
    const name = (each) => `${each.tagName}.${each.getAttribute('class')} ${each.textContent.trim().slice(0, 40)}`;
    for (const each of document.body.querySelectorAll('*')) {
      if (each.closest('.scroll :not(.scroll), .h, .skip') || !each.checkVisibility()) continue;
      const box = each.getBoundingClientRect();
      if (box.right > root.clientWidth + 1 || box.left < -1) found.push(`beyond the page: ${name(each)}`);
      const clips = !each.classList.contains('scroll') && !each.closest('svg') && getComputedStyle(each).display !== 'inline';
      if (clips && each.clientWidth > 0 && each.scrollWidth > each.clientWidth + 1) {
        found.push(`${each.scrollWidth} > ${each.clientWidth}: ${name(each)}`);
      }
    }
    return found;
  },

  // Text whose contrast with what lies behind it is too low, once for each way that text looks; and how many ways.
  faint() {
    const parse = (colour) => {
      const parts = colour.match(/[\d.]+/g).map(Number);
      return { rgb: parts.slice(0, 3), alpha: parts.length > 3 ? parts[3] : 1 };
    };
    const behind = (each) => {
      for (let at = each; at; at = at.parentElement) {
        const { rgb, alpha } = parse(getComputedStyle(at).backgroundColor);
        if (alpha === 1) return rgb;
      }
      return null;
    };
    const luminance = (rgb) => {
      const [r, g, b] = rgb.map((value) => value / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const looks = new Map();
    for (const each of document.body.querySelectorAll('*')) {
      const own = [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
      if (!own || each.closest('script, .h') || !each.checkVisibility()) continue;
      const style = getComputedStyle(each);
      const colour = parse(each instanceof SVGElement ? style.fill : style.color).rgb;
      const back = behind(each);
      const [light, dark] = [luminance(colour), luminance(back)].sort((a, b) => b - a);
      looks.set(`${colour} on ${back}`, [(light + 0.05) / (dark + 0.05), each.outerHTML.slice(0, 120)]);
    }
    const low = [...looks].filter(([, [ratio]]) => ratio < 4.5);
    return { looks: looks.size, low: low.map(([look, [ratio, each]]) => `${ratio.toFixed(2)}: ${look}: ${each}`) };
  },

  // What a filter must have left: the ids, the verdicts and the tracks of the checks that are shown.
  shown() {
    const items = [...document.querySelectorAll('#checks li.check')].filter((item) => item.checkVisibility());
    return items.map((item) => [item.querySelector('summary code').textContent, item.dataset.verdict, item.dataset.track]);
  },

  // Where the script, an event handler or a link came in with a record's text.
  intruders() {
    const count = (selector) => document.querySelectorAll(selector).length;
    const handlers = [...document.querySelectorAll('*')]
      .filter((each) => [...each.attributes].some((attribute) => attribute.name.startsWith('on') || attribute.name === 'style'));
    const links = [...document.querySelectorAll('[href], [src]')].filter((each) => !/^#[\w-]+$/.test(each.getAttribute('href')));
    return [count('script') - 1, count('style') - 1, count('img, iframe, object, base, link'), handlers.length, links.length];
  },

  // Links that lead nowhere, and names that are used twice.
  astray() {
    const lost = [...document.querySelectorAll('a')].filter((link) => !document.getElementById(link.hash.slice(1)));
    const ids = [...document.querySelectorAll('[id]')].map((each) => each.id);
    return [lost.map((link) => link.hash), ids.filter((id, at) => ids.indexOf(id) !== at)];
  },

  // The matrix scrolled to its end: whether it scrolled, and whether its headers are still at its edges.
  headers() {
    const window = document.querySelector('.matrix');
    window.scrollIntoView({ behavior: 'instant' });
    window.scrollTo({ left: 1e6, top: 1e6, behavior: 'instant' });
    const edge = window.getBoundingClientRect();
    const column = window.querySelector('thead th:last-child').getBoundingClientRect();
    const row = window.querySelector('tbody:last-child tr:last-child th').getBoundingClientRect();
    const scrolled = window.scrollLeft > 50 && window.scrollTop > 1000;
    return [scrolled, Math.abs(column.top - edge.top) < 3, Math.abs(row.left - edge.left) < 3];
  },

  // The headings' levels, in order.
  headings() {
    return [...document.querySelectorAll('h1, h2, h3, h4')].map((heading) => Number(heading.tagName[1]));
  },
})
