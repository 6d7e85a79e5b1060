/**
 * Bundles src/ into dist/support-chat.js, and writes a hash of what it was made from beside it, so that a checkout
 * without node can tell whether the two belong together (tests/unit/test_widget_bundle.py).
 */

import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join, relative, sep } from "node:path";
import * as esbuild from "esbuild";

const folder = fileURLToPath(new URL(".", import.meta.url));
const out = process.argv[2] ?? join(folder, "dist");
const SOURCES = ["build.mjs", "package-lock.json", "package.json", "tsconfig.json"];

/** A style sheet is bundled, minified, and imported as its text. */
const styleSheets = {
  name: "style sheets",
  setup(build) {
    build.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const built = await esbuild.build({ entryPoints: [path], bundle: true, minify: true, write: false, target: "es2022" });
      return { contents: built.outputFiles[0].text.trim(), loader: "text" };
    });
  },
};

/** Of marked only the lexer is used; its renderer and parser stay because of an instance that it makes when loaded. */
const lexerOnly = {
  name: "lexer only",
  setup(build) {
    build.onLoad({ filter: /marked\.esm\.js$/ }, ({ path }) => {
      const text = readFileSync(path, "utf8");
      const end = text.search(/var (\w+)=new \w+;function \w+\(\w+,\w+\)\{return \1\.parse/);
      const lexer = /([\w$]+) as Lexer/.exec(text)?.[1];
      if (end < 0 || !lexer) throw new Error("marked has another form now: see lexerOnly in build.mjs");
      return { contents: `${text.slice(0, end)}export{${lexer} as Lexer};`, loader: "js" };
    });
  },
};

/** What is in the bundle besides src/, with its licence: the licences ask for that. */
const licences = ["preact", "marked"].map((name) => {
  const home = join(folder, "node_modules", name);
  const { version } = JSON.parse(readFileSync(join(home, "package.json"), "utf8"));
  const file = readdirSync(home).find((entry) => /^licen[cs]e/i.test(entry));
  return `${name} ${version}\n\n${readFileSync(join(home, file), "utf8").trim()}\n`;
});

await esbuild.build({
  absWorkingDir: folder,
  entryPoints: ["src/index.ts"],
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  charset: "utf8",
  jsx: "automatic",
  jsxImportSource: "preact",
  plugins: [styleSheets, lexerOnly],
  legalComments: "none",
  banner: { js: `/* support-chat; made from widget/src by "make widget". Licences: widget/dist/LICENCES.txt */` },
  outfile: join(out, "support-chat.js"),
});

writeFileSync(join(out, "LICENCES.txt"), licences.join(`\n${"-".repeat(72)}\n\n`));

const sources = [...SOURCES, ...readdirSync(join(folder, "src"), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/"))]
  .sort();
const hash = createHash("sha256");
for (const name of sources) hash.update(name).update("\0").update(readFileSync(join(folder, name))).update("\0");
writeFileSync(join(out, "sources.sha256"), `${hash.digest("hex")}\n`);
