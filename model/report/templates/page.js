"use strict";
(() => {
  const form = document.getElementById("filter");
  if (!form) return;
  const cards = [...document.querySelectorAll("#triples > li")];
  const texts = cards.map((card) =>
    [...card.querySelectorAll("[data-words]")].map((part) => part.textContent).join("\n").toLowerCase().normalize()
  );
  const shown = document.getElementById("shown");
  const none = document.getElementById("none");

  function apply() {
    const { status, split } = form.elements;
    const words = form.elements.words.value.toLowerCase().normalize().split(/\s+/).filter(Boolean);
    let count = 0;
    cards.forEach((card, place) => {
      const fits =
        (!status.value || card.dataset.status === status.value) &&
        (!split.value || card.dataset.split === split.value) &&
        words.every((word) => texts[place].includes(word));
      card.hidden = !fits;
      count += fits;
    });
    shown.textContent = `Showing ${count} of ${cards.length}`;
    none.hidden = count > 0;
  }

  let waiting;
  form.addEventListener("input", (event) => {
    clearTimeout(waiting);
    waiting = setTimeout(apply, event.target.name === "words" ? 150 : 0);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => {
    clearTimeout(waiting);
    setTimeout(apply);  // after the fields are empty
  });
  form.hidden = false;
  apply();
})();
