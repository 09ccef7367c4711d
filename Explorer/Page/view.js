// Draws what the layout says, and lights what the steps say.
"use strict";
const view = (() => {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.getElementById("graph");
  let shown = null, elements = new Map(), zoom = 1;

  function make(name, attributes, parent, text) {
    const element = document.createElementNS(space, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    parent?.append(element);
    return element;
  }

  const arrange = () => { shown = layout.all(); };

  function draw() {
    elements = new Map();
    const frames = make("g", {}), lines = make("g", { "aria-hidden": "true" }), items = make("g", {});
    for (const place of shown.items.filter((p) => p.open)) drawFrame(place, frames, items);
    for (const segment of shown.segments) drawLine(segment, lines);
    for (const place of shown.items.filter((p) => !p.open)) drawItem(place, items);
    svg.replaceChildren(svg.querySelector("defs"), frames, lines, items);
    resize();
  }

  function drawFrame({ item, x, y, width, height }, frames, items) {
    make("rect", { x, y, width, height, rx: 10, class: "frame" }, frames);
    const head = make("g", { class: "head", role: "button", tabindex: -1, "aria-expanded": "true", "aria-label": `${lastName(item)} ${item.type}, close ${item.path}` }, items);
    make("rect", { x, y, width, height: 24, rx: 10, class: "hit" }, head);
    make("path", { d: `M${x + 9},${y + 9}h8l-4,7z`, class: "open" }, head);
    make("text", { x: x + 23, y: y + 17 }, head, lastName(item));
    make("text", { x: x + width - 10, y: y + 17, class: "type", "text-anchor": "end" }, head, fits(item, width) ? " " + item.type : "");
    elements.set(layout.idOf(item), head);
  }
  const lastName = (box) => (box.parent && box.parent.path !== "" ? box.path.slice(box.parent.path.length + 1) : box.path) || box.type;
  const fits = (box, width) => 8 * (lastName(box).length + box.type.length) + 63 < width;

  function drawLine(segment, lines) {
    const [first, ...rest] = segment.points;
    let path = `M${first.x},${first.y}`;
    if (rest.length === 1) path += `L${rest[0].x},${rest[0].y}`;
    else rest.forEach((p, i) => {
      const next = rest[i + 1];
      if (!next) return;
      const end = i < rest.length - 2 ? { x: (p.x + next.x) / 2, y: (p.y + next.y) / 2 } : next;
      path += `Q${p.x},${p.y} ${end.x},${end.y}`;
    });
    segment.line = make("path", { d: path, class: "edge", "marker-end": segment.arrow ? "url(#arrow)" : "" }, lines);
    const shapes = new Set(segment.edges.map((edge) => `${model.nodes[edge.from].name} [${model.nodes[edge.from].value.shape.join(", ")}]`));
    make("title", {}, segment.line, [...shapes].join(", "));
    const middle = segment.points[Math.floor(segment.points.length / 2)];
    // A line that goes around others has room on its outer side alone.
    const isLong = segment.points.length > 4, outside = isLong && middle.x < segment.points.at(-1).x;
    segment.text = make("text", { x: middle.x + (outside ? -5 : 4), y: middle.y + 4, "text-anchor": outside ? "end" : "start", class: "flow" }, lines);
  }

  function drawItem({ item, x, y, width, height }, items) {
    const box = layout.isBox(item), kind = box ? "box" : item.kind;
    const size = box ? "" : `[${item.value.shape.join(", ")}]`;
    const label = box ? `open ${item.path}, ${item.type}, ${item.operators} operators` : `${item.name} ${size} ${item.module}`;
    const group = make("g", { class: `item ${kind}`, role: "button", tabindex: -1, "aria-label": label, "data-id": layout.idOf(item) }, items);
    if (box) group.setAttribute("aria-expanded", "false");
    make("rect", { x, y, width, height, rx: kind === "operator" || box ? 8 : height / 2 }, group);
    make("text", { x: x + width / 2, y: y + 19, "text-anchor": "middle", class: "name" }, group, box ? lastName(item) : item.name);
    make("text", { x: x + width / 2, y: y + 36, "text-anchor": "middle", class: "shape" }, group,
      box ? `${item.type}, ${item.operators === 1 ? "1 operator" : item.operators + " operators"}` : size);
    group.badge = make("text", { x: x + width - 4, y: y - 4, "text-anchor": "end", class: "badge" }, group);
    elements.set(layout.idOf(item), group);
  }

  function resize() {
    svg.setAttribute("viewBox", `0 0 ${shown.width} ${shown.height}`);
    svg.setAttribute("width", Math.round(shown.width * zoom));
    svg.setAttribute("height", Math.round(shown.height * zoom));
  }

  /** Shows what has happened after so many steps. */
  function light(count, selected) {
    const state = steps.after(count);
    const lit = state.current === null ? null : model.shownFor(model.nodes[state.current]);
    for (const [id, element] of elements) {
      const item = itemOf(id), inside = layout.isBox(item) ? item : null;
      element.classList.toggle("current", item === lit);
      element.classList.toggle("selected", item === selected);
      if (inside) continue;
      const sum = state.sums.get(item.id);
      element.classList.toggle("done", item.kind === "operator" && state.done.has(item.id));
      element.classList.toggle("waiting", sum !== undefined);
      element.badge.textContent = sum && steps.parts[item.id] > 1 ? `Σ ${sum.parts} of ${steps.parts[item.id]}` : "";
    }
    for (const segment of shown.segments) {
      const flows = segment.edges.map((edge) => steps.along(edge, count)).filter(Boolean);
      const now = segment.edges.some((edge) => edge.to === state.current && steps.along(edge, count));
      segment.line.classList.toggle("arrived", flows.length > 0);
      segment.line.classList.toggle("now", now);
      segment.text.classList.toggle("now", now);
      segment.text.textContent = (now || model.operators <= model.smallGraph) && flows.length === 1 && segment.arrow ? "‖∇‖ " + number((flows[0].value ?? flows[0].sum).norm) : "";
    }
    return lit;
  }

  const itemOf = (id) => (id.startsWith("box:") ? model.boxes.get(id.slice(4)) : model.nodes[+id.slice(5)]);

  function number(value) {
    if (typeof value === "string") return value;
    if (value === 0) return "0";
    const size = Math.abs(value);
    return size >= 1e5 || size < 1e-3 ? value.toExponential(2) : String(+value.toPrecision(4));
  }

  return {
    arrange, draw, light, itemOf, number, svg,
    elementOf: (item) => elements.get(layout.idOf(item)),
    ids: () => [...elements.keys()],
    zoomBy(factor) { zoom = Math.min(3, Math.max(0.2, zoom * factor)); resize(); },
    fit(width) { zoom = Math.min(1, width / shown.width); resize(); },
  };
})();
