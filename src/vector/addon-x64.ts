import path from "../../node_modules/usearch/prebuilds/linux-x64/usearch.node" with { type: "file" };

export default path;
