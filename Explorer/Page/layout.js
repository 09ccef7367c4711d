// Where everything lies: dagre lays out each open box by itself, inner ones first, and a box is a node of the one around it.
"use strict";
const layout = (() => {
  const nodeHeight = 46, header = 28, padding = 14, port = 8;
  const ruler = document.createElement("canvas").getContext("2d");
  ruler.font = "600 13px " + getComputedStyle(document.body).fontFamily;

  const isBox = (item) => item.nodes !== undefined;
  const idOf = (item) => (isBox(item) ? "box:" + item.path : "node:" + item.id);

  function sizeOf(item) {
    const label = isBox(item) ? item.path || item.type : item.name;
    const second = isBox(item) ? `${item.type}, ${item.operators} operators` : `[${item.value.shape.join(", ")}]`;
    const width = Math.max(ruler.measureText(label).width, 0.92 * ruler.measureText(second).width) + 24;
    return { width: Math.max(72, Math.ceil(width)), height: nodeHeight };
  }

  /** The item directly inside a box that a node is in, or the node. */
  function childOf(box, node) {
    let child = node;
    for (let outer = node.box; outer !== box; outer = outer.parent) child = outer;
    return child;
  }
  const isInside = (box, node) => model.around(node).includes(box);

  /** Lays out an open box; positions of its items are relative to its corner. */
  function layOut(box) {
    if (box.layout) return box.layout;
    const items = [...box.nodes, ...box.boxes.filter((b) => b.operators > 0)];
    const graph = new dagre.graphlib.Graph();
    graph.setGraph({ rankdir: "TB", nodesep: 18, ranksep: 34, edgesep: 10, marginx: padding, marginy: padding });
    const size = new Map();
    for (const item of items) {
      const own = isBox(item) && item.open ? layOut(item) : sizeOf(item);
      size.set(item, own);
      graph.setNode(idOf(item), { width: own.width, height: own.height });
    }
    const segments = new Map();
    const add = (from, to, edge) => {
      const key = from + " " + to;
      if (!segments.has(key)) { segments.set(key, { from, to, edges: [] }); graph.setEdge(from, to, {}); }
      segments.get(key).edges.push(edge);
    };
    // A gate in the frame for each tensor that comes from outside, and for each that goes out.
    const gate = (name) => { if (!graph.hasNode(name)) graph.setNode(name, { width: port, height: 1 }); return name; };
    for (const user of nodesIn(box))
      user.inputs.forEach((from, slot) => {
        if (from < 0) return;
        const source = model.nodes[from], inside = isInside(box, source), target = childOf(box, user);
        if (inside && childOf(box, source) === target) return;
        add(inside ? idOf(childOf(box, source)) : gate("in:" + from), idOf(target), { from, to: user.id, slot });
      });
    for (const source of nodesIn(box))
      for (const user of source.users)
        if (!isInside(box, user.node)) add(idOf(childOf(box, source)), gate("out:" + source.id), { from: source.id, to: user.node.id, slot: user.slot });
    dagre.layout(graph);

    const { width, height } = graph.graph(), top = box.path === "" ? 0 : header;
    box.layout = { width: Math.ceil(Math.max(width, sizeOf(box).width)), height: Math.ceil(height) + top, items, size, segments: [...segments.values()], graph, top };
    return box.layout;
  }

  function* nodesIn(box) {
    yield* box.nodes;
    for (const inner of box.boxes) yield* nodesIn(inner);
  }

  /** Everything that is shown, with its place on the page. */
  function all() {
    layOut(model.root);
    const shown = { items: [], segments: [], width: model.root.layout.width, height: model.root.layout.height };
    place(model.root, 0, 0, shown);
    return shown;
  }

  function place(box, x, y, shown) {
    const { items, size, segments, graph, top, height } = box.layout;
    box.at = { x, y };
    const at = (id) => ({ x: x + graph.node(id).x, y: y + top + graph.node(id).y });
    for (const item of items) {
      const middle = at(idOf(item)), own = size.get(item);
      const corner = { x: middle.x - own.width / 2, y: middle.y - own.height / 2 };
      shown.items.push({ item, ...corner, width: own.width, height: own.height, open: isBox(item) && item.open });
      if (isBox(item) && item.open) place(item, corner.x, corner.y, shown);
    }
    for (const segment of segments) {
      const points = graph.edge(segment.from, segment.to).points.map((p) => ({ x: x + p.x, y: y + top + p.y }));
      const from = segment.from.startsWith("in:") ? { x: at(segment.from).x, y } : gateAt(segment.from, "out:" + segment.edges[0].from);
      const to = segment.to.startsWith("out:") ? { x: at(segment.to).x, y: y + height } : gateAt(segment.to, "in:" + segment.edges[0].from);
      if (from) points.splice(0, 1, from);
      if (to) points.splice(points.length - 1, 1, to);
      shown.segments.push({ ...segment, points, arrow: !segment.to.startsWith("out:") && !to });
    }
  }

  /** The gate of an open box where a line ends, instead of the middle of its side. */
  function gateAt(id, name) {
    const box = id.startsWith("box:") ? model.boxes.get(id.slice(4)) : null;
    if (!box?.open || !box.layout.graph.hasNode(name)) return null;
    const x = box.at.x + box.layout.graph.node(name).x;
    return { x, y: name.startsWith("in:") ? box.at.y : box.at.y + box.layout.height };
  }

  /** A box was opened or closed: it and those around it are laid out anew. */
  function forget(box) {
    for (let outer = box; outer; outer = outer.parent) outer.layout = null;
  }

  return { all, forget, isBox, idOf };
})();
