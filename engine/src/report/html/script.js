// Filters the checks, unfolds what a link points at, and unfolds everything for print. Without it the page is complete.
'use strict';
(() => {
  const form = document.querySelector('form.filter');
  const items = [...document.querySelectorAll('#checks li.check')];
  const chunks = document.querySelectorAll('#checks ul.chunk');
  const said = form.querySelector('output');
  const texts = new Map();
  const textOf = (item) => {
    if (!texts.has(item)) {
      const parts = [...item.querySelectorAll('summary, .mode, .reason, .facts')];
      texts.set(item, parts.map((part) => part.textContent).join(' ').toLowerCase());
    }
    return texts.get(item);
  };

  const filter = () => {
    const wanted = form.elements.text.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const track = form.elements.track.selectedOptions[0].dataset.track;
    const verdicts = new Set([...form.querySelectorAll('input:checked')].map((input) => input.value));
    let shown = 0;
    for (const item of items) {
      const fits = verdicts.has(item.dataset.verdict)
        && (track === undefined || track === item.dataset.track)
        && wanted.every((word) => textOf(item).includes(word));
      item.hidden = !fits;
      if (fits) shown += 1;
    }
    for (const chunk of chunks) {
      const left = chunk.querySelectorAll(':scope > :not([hidden])').length;
      chunk.hidden = left === 0;
      chunk.style.containIntrinsicHeight = `${left * 2.7}rem`;
    }
    const all = items.length === 1 ? '1 check' : `${items.length.toLocaleString('en')} checks`;
    said.value = shown === items.length ? all : `${shown.toLocaleString('en')} of ${all}`;
  };

  let pending = 0;
  const soon = () => {
    clearTimeout(pending);
    pending = setTimeout(filter, items.length > 1000 ? 150 : 0);
  };
  form.addEventListener('input', soon);
  form.addEventListener('reset', soon);
  form.addEventListener('submit', (event) => event.preventDefault());
  form.hidden = false;
  filter();

  const unfold = () => {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (!target) return;
    if (target.hidden) {
      form.reset();
      filter();
    }
    const fold = target.querySelector(':scope > details');
    if (fold) fold.open = true;
    target.scrollIntoView();
  };
  addEventListener('hashchange', unfold);
  unfold();

  addEventListener('beforeprint', () => {
    for (const fold of document.querySelectorAll('#attention details, #figures details')) fold.open = true;
  });
})();
