// Renders a Markdown report as GitHub does (sanitised HTML, Mermaid drawn) into one page, to be looked at or checked.
// usage: node render-markdown.mjs report.md page.html [light|dark] [folded]
// The page's title becomes "ready" when all pictures are drawn, "failed" when one could not be; its place then says why.
import fs from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import rehypeRaw from "rehype-raw";
import rehypeSanitize, { defaultSchema } from "rehype-sanitize";
import rehypeStringify from "rehype-stringify";
import remarkGfm from "remark-gfm";
import remarkParse from "remark-parse";
import remarkRehype from "remark-rehype";
import { unified } from "unified";

const [source, target, mode = "light", folded = ""] = process.argv.slice(2);
if (!source || !target || !["light", "dark"].includes(mode)) {
  console.error("usage: node render-markdown.mjs report.md page.html [light|dark] [folded]");
  process.exit(2);
}

const content = await unified()
  .use(remarkParse)
  .use(remarkGfm)
  .use(remarkRehype, { allowDangerousHtml: true })
  .use(rehypeRaw)
  .use(rehypeSanitize, defaultSchema)
  .use(rehypeStringify)
  .process(fs.readFileSync(source));

const modules = path.join(import.meta.dirname, "node_modules");
const style = fs.readFileSync(path.join(modules, `github-markdown-css/github-markdown-${mode}.css`), "utf8");
const mermaid = path.join(path.dirname(createRequire(import.meta.url).resolve("mermaid")), "mermaid.min.js");
const draw = `
mermaid.initialize({ startOnLoad: false, securityLevel: "strict", theme: "${mode === "dark" ? "dark" : "default"}" });
document.querySelectorAll("details").forEach((details) => { details.open = ${folded !== "folded"}; });
(async () => {
  let number = 0;
  let failed = 0;
  for (const code of document.querySelectorAll("code.language-mermaid")) {
    try {
      const { svg } = await mermaid.render("picture" + number++, code.textContent);
      const picture = document.createElement("div");
      picture.innerHTML = svg;
      code.parentElement.replaceWith(picture);
    } catch (error) {
      failed += 1;
      code.parentElement.insertAdjacentText("beforebegin", "MERMAID ERROR: " + error.message);
    }
  }
  document.title = failed ? "failed" : "ready";
})();`;

fs.writeFileSync(
  target,
  `<!doctype html><meta charset="utf-8"><style>${style}
body { margin: 0; padding: 24px; ${mode === "dark" ? "background: #0d1117;" : ""} }
article { max-width: 980px; } details { margin-bottom: 16px; }</style>
<article class="markdown-body">${content}</article><script src="${mermaid}"></script><script>${draw}</script>`,
);
