import js from "@eslint/js";
import hooks from "eslint-plugin-react-hooks";
import ts from "typescript-eslint";

// Rooms may import only from rooms below them; see the layout in README.md.
const rooms = [
  ["api"],
  ["live", "router"],
  ["parts"],
  ["shell"],
  ["logs", "timeline", "graph", "start"],
  ["task", "compare", "stack", "runs"],
  ["run"],
];

const downwards = rooms.flatMap((level, index) => {
  const above = rooms.slice(index + 1).flat();
  if (above.length === 0) return [];
  return level.map((room) => ({
    files: [`src/${room}/**`],
    rules: {
      "no-restricted-imports": [
        "error",
        { patterns: [{ group: above.map((name) => `../${name}/**`), message: "Imports run downwards only." }] },
      ],
    },
  }));
});

export default ts.config(
  { ignores: ["node_modules", "dist"] },
  js.configs.recommended,
  ...ts.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    plugins: { "react-hooks": hooks },
    rules: {
      ...hooks.configs.recommended.rules,
      "@typescript-eslint/no-confusing-void-expression": "off",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@typescript-eslint/no-unnecessary-type-parameters": "off",
      // With noUncheckedIndexedAccess every element of an array may be missing; where a loop's bounds say that it is
      // there, `!` says so too.
      "@typescript-eslint/no-non-null-assertion": "off",
      "no-eval": "error",
      "no-implied-eval": "error",
      "no-restricted-syntax": [
        "error",
        { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: "Names are hostile: text only." },
      ],
    },
  },
  ...downwards,
  { files: ["*.js"], ...ts.configs.disableTypeChecked },
);
