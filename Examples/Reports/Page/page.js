// Draws the charts whose numbers the page holds, in the colours of the page's theme.
(() => {
  "use strict";
  const root = document.documentElement;
  const systemIsDark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : systemIsDark.matches);
  const font = getComputedStyle(document.body).fontFamily;

  const charts = [...document.querySelectorAll(".chart")].map((div) => ({
    div,
    ...JSON.parse(document.getElementById(div.id + "-data").textContent),
  }));

  function themedTrace(trace, dark) {
    const color = trace.meta[dark ? "dark" : "light"];
    switch (trace.meta.kind) {
      case "contour":
        return { ...trace, colorscale: [[0, color], [1, color]] };
      case "band":
        return { ...trace, fillcolor: color + "2b" };
      default:
        return {
          ...trace,
          line: { ...trace.line, color },
          marker: { ...trace.marker, color },
          ...(trace.error_y && { error_y: { ...trace.error_y, color } }),
        };
    }
  }

  function themedLayout(layout, data, dark) {
    const ink = dark ? "#d5dae0" : "#33393f";
    const axis = (own) => ({
      ...own,
      title: { ...own.title, standoff: 12 }, // without it Plotly guesses how wide the labels are
      automargin: true,
      gridcolor: dark ? "#2b313a" : "#e8ebee",
      linecolor: dark ? "#59626e" : "#9aa3ad",
      showline: true,
      ticks: "outside",
      tickcolor: dark ? "#59626e" : "#9aa3ad",
      zeroline: false,
    });
    return {
      ...layout,
      xaxis: { ...axis(layout.xaxis), showgrid: false },
      yaxis: { ...axis(layout.yaxis), showgrid: data.every((trace) => trace.meta.kind !== "contour") },
      font: { family: font, size: 13, color: ink },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      hoverlabel: { bgcolor: dark ? "#262c35" : "#ffffff", bordercolor: dark ? "#59626e" : "#c9d0d7", font: { family: font, color: ink } },
      legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", bgcolor: "rgba(0,0,0,0)" },
      modebar: { orientation: "v", bgcolor: "rgba(0,0,0,0)", color: dark ? "#7b8592" : "#a8b0b9", activecolor: ink },
      margin: { l: 56, r: 12, t: 12, b: 48 },
      uirevision: "keep", // what was zoomed or hidden stays so when the theme changes
    };
  }

  const config = {
    responsive: true,
    displaylogo: false,
    displayModeBar: matchMedia("(hover: hover)").matches ? "hover" : false,
    modeBarButtons: [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
  };

  function draw() {
    const dark = isDark();
    for (const { div, data, layout } of charts)
      Plotly.react(div, data.map((trace) => themedTrace(trace, dark)), themedLayout(layout, data, dark), config);
  }

  document.getElementById("theme").addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    draw();
  });
  systemIsDark.addEventListener("change", draw);
  draw();
})();
