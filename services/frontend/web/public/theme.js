// Before the first paint, so that nobody who likes it dark sees a white flash.
(function () {
  var chosen = null;
  try {
    chosen = localStorage.getItem("rciots.theme");
  } catch {
    // Storage may be forbidden; the system's choice counts then.
  }
  var isDark =
    chosen === "dark" || (chosen !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.classList.toggle("pf-v6-theme-dark", isDark);
})();
