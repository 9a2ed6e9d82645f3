import path from "../../node_modules/usearch/prebuilds/linux-arm64/usearch.node" with { type: "file" };

export default path;
