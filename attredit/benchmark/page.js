// Sort a table by the column whose heading is clicked: first the better end of numbers, then the other; counts stay last.
const number = (cell) => parseFloat(cell.textContent.replace(/,/g, ""));
for (const table of document.querySelectorAll("table.sortable")) {
  table.tHead.querySelectorAll("th").forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      table.tHead.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const rows = [...table.tBodies[0].rows].filter((row) => !row.classList.contains("counts"));
      rows.sort((a, b) => {
        const [x, y] = [a.cells[column], b.cells[column]];
        if (column === 0) return x.textContent.localeCompare(y.textContent) * (down ? -1 : 1);
        const [u, v] = [number(x), number(y)];
        if (isNaN(u) || isNaN(v)) return isNaN(u) - isNaN(v); // what has no figure stays below
        return (u - v) * (down ? -1 : 1);
      });
      table.tBodies[0].prepend(...rows);
    });
  });
}
