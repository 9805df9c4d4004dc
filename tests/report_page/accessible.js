// Problems of a page for people who use a keyboard, a screen reader, or poor eyes: rules of the
// kind that axe checks. The value is a list of texts, empty if there are none.
(() => {
  const problems = [];
  const all = (selector) => Array.from(document.querySelectorAll(selector));
  const check = (holds, what, element) => {
    if (!holds) problems.push(element ? `${what}: ${element.outerHTML.slice(0, 150)}` : what);
  };
  const text = (element) => (element.textContent || "").trim();
  const named = (element) => Boolean(
    text(element) || element.getAttribute("aria-label") || (element.labels && element.labels.length));

  check(document.documentElement.lang, "the page has no language");
  check(document.title, "the page has no title");
  check(all("main").length === 1, "there is not one main landmark");
  check(all("h1").length === 1, "there is not one heading of the first level");
  check(all("header").length >= 1 && all("footer").length >= 1, "landmarks are missing");
  let level = 0;
  for (const heading of all("h1, h2, h3, h4, h5, h6")) {
    const own = Number(heading.tagName[1]);
    check(own <= level + 1, "a level of headings is skipped", heading);
    level = own;
  }
  const ids = all("[id]").map((element) => element.id);
  check(new Set(ids).size === ids.length, "an id occurs twice");
  for (const link of all("a")) {
    check(named(link), "a link has no name", link);
    const target = link.getAttribute("href");
    const isPlace = target && target.startsWith("#") && !target.includes("=");
    check(!isPlace || document.getElementById(target.slice(1)), "a link leads nowhere", link);
  }
  all("button, summary").forEach((element) => check(named(element), "a control has no name", element));
  all("input, select, textarea").forEach((element) => check(element.labels.length, "a field has no label", element));
  const navs = all("nav").map((nav) => nav.getAttribute("aria-label"));
  check(navs.every(Boolean) && new Set(navs).size === navs.length, "navigation landmarks are not told apart");
  for (const table of all("table")) {
    check(table.caption, "a table has no caption", table);
    check(table.querySelector("th"), "a table has no headers", table);
    table.querySelectorAll("th").forEach((header) => {
      check(header.scope && text(header), "a header has no scope or text", header);
    });
  }
  all("svg").forEach((svg) => {
    const has = (name) => { const part = svg.querySelector(name); return part && text(part); };
    check(svg.getAttribute("role") === "img" && has("title") && has("desc"), "a picture is not described", svg);
  });
  all("ul, ol").forEach((list) => {
    check(Array.from(list.children).every((item) => item.tagName === "LI"), "a list holds other things", list);
  });
  check(!all("[tabindex]").some((element) => element.tabIndex > 0), "the order of focus is changed");

  // contrast of text with what is behind it, as WCAG 2 computes it
  const rgb = (colour) => {
    const parts = colour.match(/[\d.]+/g).map(Number);
    return parts.length > 3 ? parts : [...parts, 1];
  };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const light = (colour) => {
    const linear = (part) => part <= 10.3 ? part / 3294.6 : ((part / 255 + 0.055) / 1.055) ** 2.4;
    return 0.2126 * linear(colour[0]) + 0.7152 * linear(colour[1]) + 0.0722 * linear(colour[2]);
  };
  const behind = (element) => {
    if (!element) return [255, 255, 255, 1];
    const own = rgb(getComputedStyle(element).backgroundColor);
    return own[3] === 1 ? own : over(own, behind(element.parentElement));
  };
  const seen = new Set();
  for (const element of all("body *")) {
    const isText = Array.from(element.childNodes).some((node) => node.nodeType === 3 && node.data.trim());
    if (!isText || !element.checkVisibility() || ["SCRIPT", "STYLE", "OPTION"].includes(element.tagName)) continue;
    const style = getComputedStyle(element);
    const isDrawn = Boolean(element.closest("svg"));
    if (isDrawn && element.tagName !== "text") continue;
    const page = isDrawn && element.closest("svg").querySelector(".page");
    const back = page ? rgb(getComputedStyle(page).fill) : behind(element);
    const front = over(rgb(isDrawn ? style.fill : style.color), back);
    const kind = `${front}/${back}`;
    if (seen.has(kind)) continue;
    seen.add(kind);
    const [a, b] = [light(front), light(back)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    check(ratio >= 4.5, `contrast of ${ratio.toFixed(2)}`, element);
  }
  if (seen.size < 3) problems.push("hardly any text was seen");
  return problems;
})()
