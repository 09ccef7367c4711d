// The recording as boxes within boxes: modules hold operators, leaves and other modules.
"use strict";
const model = (() => {
  const page = JSON.parse(document.getElementById("recording").textContent);
  const { nodes, modules, events, operators } = page.recording;
  const smallGraph = 24; // so many operators are looked at one by one

  const boxes = new Map(Object.keys(modules).map((path) => [path, { path, type: modules[path], boxes: [], nodes: [], open: false }]));
  if (!boxes.has("")) boxes.set("", { path: "", type: "", boxes: [], nodes: [], open: true });

  // A name may have a dot, so the parent is the longest path that this one goes on from.
  function parentOf(path) {
    for (let end = path.lastIndexOf("."); end > 0; end = path.lastIndexOf(".", end - 1))
      if (boxes.has(path.slice(0, end))) return boxes.get(path.slice(0, end));
    return boxes.get("");
  }
  for (const box of boxes.values()) {
    if (box.path === "") continue;
    box.parent = parentOf(box.path);
    box.parent.boxes.push(box);
  }
  for (const node of nodes) node.users = [];
  for (const node of nodes)
    node.inputs.forEach((from, slot) => { if (from >= 0) nodes[from].users.push({ node, slot }); });
  for (const node of nodes) {
    // What the first operator takes from outside, such as images, is shown outside of the modules.
    const isInput = node.kind === "constant" && node.users.some((user) => user.node.id === 0);
    node.box = boxes.get(isInput ? "" : node.module);
    node.box.nodes.push(node);
  }
  events.forEach((event, index) => { if (event.node !== undefined) nodes[event.node].event = index; });

  // A container whose members do not run one after the other, as a list of all linear layers, is no stretch of the graph:
  // its members are shown in the box around it; so is the only member of a box.
  function ran(box) {
    return [...box.nodes.filter((n) => n.kind === "operator").map((n) => n.id), ...box.boxes.flatMap(ran)];
  }
  for (const box of [...boxes.values()].filter((b) => b.path !== "")) {
    const order = ran(box);
    const isStretch = Math.max(...order) - Math.min(...order) + 1 === order.length, isShell = box.nodes.length === 0 && box.boxes.length === 1;
    if (order.length === 0 || (isStretch && !isShell)) continue;
    for (const node of box.nodes) { node.box = box.parent; box.parent.nodes.push(node); }
    for (const inner of box.boxes) { inner.parent = box.parent; box.parent.boxes.push(inner); }
    box.parent.boxes.splice(box.parent.boxes.indexOf(box), 1);
    boxes.delete(box.path);
  }

  const count = (box) => box.nodes.filter((n) => n.kind === "operator").length + box.boxes.reduce((sum, b) => sum + count(b), 0);
  for (const box of boxes.values()) box.operators = count(box);

  // Few operators are shown at once; of a deep net, its blocks.
  const isContainer = (box) => box.boxes.length > 1 && !box.nodes.some((n) => n.kind === "operator") && box.boxes.every((b) => b.operators !== 1);
  function openFrom(box) {
    box.open = box.path === "" || operators <= smallGraph || isContainer(box);
    if (box.open) box.boxes.forEach(openFrom);
  }
  openFrom(boxes.get(""));

  /** The boxes around a node or box, the root first. */
  function around(item) {
    const outer = [];
    for (let box = item.box ?? item.parent; box; box = box.parent) outer.unshift(box);
    return outer;
  }
  /** What stands for a node: itself, or the outermost closed box around it. */
  const shownFor = (node) => around(node).find((box) => !box.open) ?? node;

  return { ...page, ...page.recording, smallGraph, root: boxes.get(""), boxes, around, shownFor };
})();
