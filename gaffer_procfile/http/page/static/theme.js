// Sets the theme before the first paint. Not a module: modules run after it.
"use strict";

const THEME = "gaffer-theme";

function keptTheme() {
  try {
    return localStorage.getItem(THEME);
  } catch {
    return null; // the browser keeps nothing for us: the system's theme it is
  }
}

function showTheme(theme) {
  if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
}

window.switchTheme = () => {
  const isDark = getComputedStyle(document.documentElement).colorScheme === "dark"
    || (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  const theme = isDark ? "light" : "dark";
  showTheme(theme);
  try {
    localStorage.setItem(THEME, theme);
  } catch {
    // it holds until the page is left
  }
};

showTheme(keptTheme());
