// Joins the parts: selecting, opening, stepping, the keyboard.
"use strict";
const main = (() => {
  const by = (id) => document.getElementById(id);
  const slider = by("step"), stage = by("stage");
  let count = 0, selected = null, playing = null;

  function show(lookAtCurrent) {
    const lit = view.light(count, selected);
    slider.value = count;
    by("said").textContent = `Step ${count} of ${steps.count}. ${steps.describe(count)}`;
    const held = count > 0 ? model.events[count - 1].graphBytes : model.graphBytes, flying = count > 0 ? model.events[count - 1].gradientBytes : 0;
    by("memory").textContent = `The graph holds ${panel.bytes(held)} of ${panel.bytes(model.graphBytes)}; gradients in flight: ${panel.bytes(flying)}`;
    by("held").style.width = `${(100 * held) / Math.max(1, model.graphBytes)}%`;
    if (lookAtCurrent && lit) { selected = lit; view.light(count, selected); bringIntoView(lit); }
    if (selected) panel.explain(layout.isBox(selected) && lookAtCurrent && model.events[count - 1]?.node !== undefined ? model.nodes[model.events[count - 1].node] : selected, count);
    focusable();
  }

  /** One element of the graph is in the order of the tab key; arrows go on from there. */
  function focusable() {
    const id = selected ? layout.idOf(selected) : view.ids()[0];
    for (const other of view.ids()) view.elementOf(view.itemOf(other)).setAttribute("tabindex", other === id ? 0 : -1);
  }

  function bringIntoView(item) {
    const element = view.elementOf(item).getBoundingClientRect(), frame = stage.getBoundingClientRect();
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    stage.scrollTo({
      left: stage.scrollLeft + element.x + element.width / 2 - frame.x - frame.width / 2,
      top: stage.scrollTop + element.y + element.height / 2 - frame.y - frame.height / 2,
      behavior: calm ? "auto" : "smooth",
    });
  }

  function select(item) { selected = item; show(); }

  function toggle(box) {
    box.open = !box.open;
    layout.forget(box);
    selected = box;
    view.arrange();
    view.draw();
    show();
    view.elementOf(box).focus({ preventScroll: true });
  }

  function go(to) { count = Math.min(steps.count, Math.max(0, to)); show(true); }

  function play() {
    if (playing) { clearInterval(playing); playing = null; } else {
      if (count === steps.count) go(0);
      playing = setInterval(() => { go(count + 1); if (count === steps.count) play(); }, 700);
    }
    by("play").textContent = playing ? "❚❚ pause" : "▶ play";
  }

  function pressed(element) {
    const found = element.closest("[role=button]");
    const id = view.ids().find((known) => view.elementOf(view.itemOf(known)) === found);
    if (!id) return;
    const item = view.itemOf(id);
    if (layout.isBox(item)) toggle(item); else select(item);
  }

  function keyInGraph(event) {
    const ids = view.ids(), now = ids.findIndex((id) => view.elementOf(view.itemOf(id)) === event.target);
    if (now < 0) return;
    const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (step) {
      const next = view.itemOf(ids[Math.min(ids.length - 1, Math.max(0, now + step))]);
      select(next);
      view.elementOf(next).focus({ preventScroll: true });
      bringIntoView(next);
    } else if (event.key === "Enter" || event.key === " ") pressed(event.target);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  function keyOnPage(event) {
    if (event.target.closest("button, input, summary") || event.ctrlKey || event.metaKey || event.altKey) return;
    const action = { n: () => go(count + 1), p: () => go(count - 1), " ": play, Home: () => go(0), End: () => go(steps.count), "+": () => view.zoomBy(1.25), "-": () => view.zoomBy(0.8) }[event.key];
    if (!action) return;
    action();
    event.preventDefault();
  }

  function start() {
    slider.max = steps.count;
    slider.addEventListener("input", () => go(+slider.value));
    by("first").addEventListener("click", () => go(0));
    by("previous").addEventListener("click", () => go(count - 1));
    by("next").addEventListener("click", () => go(count + 1));
    by("play").addEventListener("click", play);
    by("closer").addEventListener("click", () => view.zoomBy(1.25));
    by("farther").addEventListener("click", () => view.zoomBy(0.8));
    view.svg.addEventListener("click", (event) => pressed(event.target));
    view.svg.addEventListener("keydown", keyInGraph);
    document.addEventListener("keydown", keyOnPage);
    by("theme").addEventListener("click", () => {
      const dark = document.documentElement.dataset.theme ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
      document.documentElement.dataset.theme = dark ? "light" : "dark";
    });
    selected = model.shownFor(model.nodes[model.operators - 1]);
  }

  // Each in a task of its own, so that the page answers in between.
  const tasks = [start, view.arrange, view.draw, () => view.fit(stage.clientWidth - 4), show, () => { document.body.dataset.ready = "yes"; }];
  const next = () => { tasks.shift()?.(); if (tasks.length > 0) setTimeout(next); };
  setTimeout(next);
  return { toggle, select, go, stepsDone: () => count };
})();
