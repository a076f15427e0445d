/** The package's version; told to the server, and shown by `--version`. */
export const agentVersion = "0.1.0";
