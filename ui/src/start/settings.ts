/** Settings of Metaflow's client for a backend that does not tell its own. */

import { metadataServiceAddress } from "../api";

const settings = (): [string, string][] => [
  ["METAFLOW_DEFAULT_METADATA", "service"],
  ["METAFLOW_SERVICE_URL", metadataServiceAddress()],
];

export const shellSettings = (): string => settings().map(([name, value]) => `export ${name}=${value}`).join("\n");

export const notebookSettings = (): string =>
  ["import os", ...settings().map(([name, value]) => `os.environ[${JSON.stringify(name)}] = ${JSON.stringify(value)}`)].join(
    "\n",
  );

export const exampleFlow = `from metaflow import FlowSpec, step


class Hello(FlowSpec):
    @step
    def start(self):
        self.names = ["one", "two", "three"]
        self.next(self.greet, foreach="names")

    @step
    def greet(self):
        print("hello", self.input)
        self.next(self.join)

    @step
    def join(self, inputs):
        self.next(self.end)

    @step
    def end(self):
        print("done")


if __name__ == "__main__":
    Hello()
`;
