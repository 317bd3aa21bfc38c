// Looks at every control that is seen, and tells what keeps people from using it: too little contrast between its words and
// what is behind them, another thing on top of it, words that are cut off without a way to read them.
() => {
  const LEAST_CONTRAST = 4.5, LEAST_OF_LARGE = 3, LARGE_PX = 24, LARGE_BOLD_PX = 18.66;
  const CONTROLS = "a[href], button, input, select, textarea, summary, [role=button], [role=tab], label.check";
  const found = [];
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a), 1];
  const ground = (element) => {
    const layers = [];
    for (let one = element; one; one = one.parentElement) {
      const layer = rgba(getComputedStyle(one).backgroundColor);
      layers.push(layer);
      if (layer[3] === 1) break;
    }
    return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255, 1]);
  };
  const light = ([r, g, b]) => {
    const [R, G, B] = [r, g, b].map((n) => (n / 255 <= 0.04045 ? n / 255 / 12.92 : ((n / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * R + 0.7152 * G + 0.0722 * B;
  };
  const contrast = (one, other) => {
    const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const named = (element) => {
    const words = (element.getAttribute("aria-label") || element.innerText || element.value || element.placeholder || "").trim();
    return `${element.tagName.toLowerCase()}.${element.className} "${words.slice(0, 60)}"`;
  };
  const seen = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const unseen = (element) => element.closest(".unseen, .skip, [inert]") !== null;

  // Behind an open dialog nothing can be used, nor under an open list of suggestions.
  const dialog = document.querySelector("dialog[open], [role=dialog]");
  for (const element of (dialog ?? document).querySelectorAll(CONTROLS)) {
    const box = element.getBoundingClientRect();
    if (!seen(element) || unseen(element) || box.width < 2 || box.height < 2) continue;
    const disabled = element.matches(":disabled, [aria-disabled=true]");

    // Words, wherever they stand in the control.
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    const worded = element.matches("input, select, textarea") ? [element] : [];
    for (let node = walker.nextNode(); node; node = walker.nextNode())
      if (node.data.trim() && seen(node.parentElement) && !unseen(node.parentElement)) worded.push(node.parentElement);
    for (const one of disabled ? [] : new Set(worded)) {
      if (one.matches("input[type=checkbox], option")) continue;
      const style = getComputedStyle(one);
      const size = parseFloat(style.fontSize);
      const large = size >= LARGE_PX || (size >= LARGE_BOLD_PX && Number(style.fontWeight) >= 700);
      const behind = ground(one);
      const ratio = contrast(over(rgba(style.color), behind), behind);
      if (ratio < (large ? LEAST_OF_LARGE : LEAST_CONTRAST)) found.push(`contrast ${ratio.toFixed(2)}: ${named(element)}`);
      const cut = (one.scrollWidth > one.clientWidth + 1 && style.overflowX !== "visible" && one.clientWidth > 0);
      const told = one.closest("[title]") || one.querySelector("[title]") || one.matches("input, select, textarea");
      const scrolls = ["auto", "scroll"].includes(style.overflowX);
      if (cut && !told && !scrolls) found.push(`cut text: ${named(one)} in ${named(element)}`);
    }

    // A control sticks out of the screen where nothing scrolls to it.
    const scroller = (start) => {
      for (let one = start.parentElement; one && one !== document.body; one = one.parentElement)
        if (["auto", "scroll"].includes(getComputedStyle(one).overflowX)) return true;
      return false;
    };
    if ((box.left < -1 || box.right > document.documentElement.clientWidth + 1) && !scroller(element))
      found.push(`sticks out of the screen: ${named(element)}`);

    // What is in its middle must be the control itself, or something of it.
    element.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
    for (const part of [element.getClientRects()[0]]) {
      if (!part) continue;
      const [x, y] = [part.left + part.width / 2, part.top + part.height / 2];
      const top = document.elementFromPoint(x, y);
      const own = top && (element.contains(top) || top.contains(element) || top.closest("label")?.control === element);
      // The link of a row covers the row by a box of its own; what can be clicked besides lies above it.
      const row = element.matches(".row-link") && top?.closest("[role=row]")?.contains(element);
      if (top && !own && !row && !top.closest("[role=listbox]")) found.push(`covered by ${named(top)}: ${named(element)}`);
    }
  }
  window.scrollTo(0, 0);
  return [...new Set(found)];
}
