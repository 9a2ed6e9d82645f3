/** The first three commands to try on a new node, for a person at a terminal. */
export function firstCommands(url: string, open: boolean): string {
  const key = open ? "" : ` -H "Authorization: Bearer $DWBASE_API_KEY"`;
  const remember = JSON.stringify({
    world: "home",
    worker: "me",
    kind: "observation",
    payload_json: '{"text":"The spare key is under the blue pot."}',
  });
  const ask = JSON.stringify({ world: "home", text: "Where is the spare key?" });
  return `dwbase serves ${url}

Try, in another terminal:
  curl -s ${url}/remember${key} -H 'Content-Type: application/json' -d '${remember}'
  curl -s ${url}/ask${key} -H 'Content-Type: application/json' -d '${ask}'
  curl -s ${url}/health

The API is described at ${url}/docs.
`;
}
