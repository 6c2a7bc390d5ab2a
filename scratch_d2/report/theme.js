// Light or dark.

/** Begin with the system's theme and follow it, until the button chooses one. */
function wireTheme(button) {
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  let chosen = false;
  const show = (dark) => {
    document.documentElement.dataset.theme = dark ? "dark" : "light";
    button.textContent = dark ? "Light theme" : "Dark theme";
  };
  system.addEventListener("change", () => chosen || show(system.matches));
  button.addEventListener("click", () => {
    chosen = true;
    show(document.documentElement.dataset.theme !== "dark");
  });
  show(system.matches);
}
